"""Files of data that are there but cannot be read are an error, never passed over in silence."""

from pathlib import Path

import numpy as np
import pytest

from optkit import DataError, load_dataset


@pytest.mark.parametrize("name", ["mnist", "cifar10", "fashion_mnist"])
def test_a_link_in_a_circle_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPTKIT_DATA", str(tmp_path))
    path = tmp_path / f"{name}.npz"
    path.symlink_to(path)
    with pytest.raises(DataError, match=rf"{name}\.npz is not a readable \.npz file .*symbolic links"):
        load_dataset(name, "auto")


def test_drawings_with_a_header_that_claims_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPTKIT_DATA", str(tmp_path))
    path = tmp_path / "quickdraw" / "The Eiffel Tower.npy"
    path.parent.mkdir()
    np.save(path, np.zeros((2, 784), np.uint8))
    path.write_bytes(path.read_bytes().replace(b"(2, 784), }         ", b"(999999999999, 784)}"))
    with pytest.raises(DataError, match=r"is not a readable \.npy file"):
        load_dataset("quickdraw", "full")
