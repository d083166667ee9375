"""Quick, Draw! from the user's folder; what is missing or malformed is said."""

from pathlib import Path

import numpy as np
import pytest

from optkit import DataError, load_dataset
from optkit.data import quickdraw


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "quickdraw").mkdir()
    for i, name in enumerate(("The Eiffel Tower", "The Mona Lisa", "cat")):
        np.save(tmp_path / "quickdraw" / f"{name}.npy", np.full((10 + i, 784), i, np.uint8))
    monkeypatch.setenv("OPTKIT_DATA", str(tmp_path))
    return tmp_path / "quickdraw"


def test_two_classes_split_evenly_with_the_second_positive(folder: Path) -> None:
    data = load_dataset("quickdraw")
    assert (len(data.x_train), len(data.x_test), data.classes) == (17, 4, 2)
    assert sorted(data.y_test) == [0, 0, 1, 1]
    assert np.array_equal(data.x_test[:, 0, 0] > 0, data.y_test == 1)


def test_any_two_classes(folder: Path) -> None:
    data = load_dataset("quickdraw", classes=("cat", "The Mona Lisa"), test_share=0.5)
    assert data.digest != load_dataset("quickdraw").digest
    assert len(data.x_test) == 12  # half of the smaller class, for each


@pytest.mark.parametrize("classes", [("cat",), ("cat", "cat"), ("cat", "../cat"), ("cat", "a", "b")])
def test_class_names_that_cannot_be(folder: Path, classes: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="expected two different names"):
        load_dataset("quickdraw", classes=classes)


def test_a_missing_class_offline_says_where_to_put_it(folder: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be downloaded .* set OPTKIT_DATA to a folder with quickdraw/dog\.npy"):
        load_dataset("quickdraw", classes=("cat", "dog"))
    assert not list(Path.home().rglob("*dog*"))


def test_the_default_classes_have_known_digests(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.delenv("OPTKIT_DATA")
    asked: dict[str, str | None] = {}

    def stand_in(url: str, sha256: str | None, name: str) -> Path:
        asked[url] = sha256
        return folder / name.removeprefix("quickdraw/")

    monkeypatch.setattr(quickdraw, "download", stand_in)
    assert len(load_dataset("quickdraw").x_test) == 4
    assert all(sha256 and len(sha256) == 64 for sha256 in asked.values())
    assert {url.rpartition("/")[2] for url in asked} == {"The%20Eiffel%20Tower.npy", "The%20Mona%20Lisa.npy"}


def test_malformed_files(folder: Path) -> None:
    np.save(folder / "cat.npy", np.zeros((3, 28, 28), np.uint8))
    with pytest.raises(DataError, match=r"expected \(samples, 784\), uint8"):
        load_dataset("quickdraw", classes=("cat", "The Mona Lisa"))
    (folder / "cat.npy").write_bytes(b"no")
    with pytest.raises(DataError, match=r"not a readable \.npy"):
        load_dataset("quickdraw", classes=("cat", "The Mona Lisa"))


def test_there_is_no_embedded_set() -> None:
    with pytest.raises(DataError, match="has no embedded set"):
        load_dataset("quickdraw", "embedded")
