"""Fashion-MNIST from IDX files, and files that are not."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

from optkit import DataError, load_dataset
from optkit.data import fashion_mnist
from optkit.data.sources import cache


def idx(array: np.ndarray) -> bytes:
    return b"\x00\x00\x08" + bytes([array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(fashion_mnist, "_DEBIAN", tmp_path)
    for split, samples in (("train", 20), ("test", 10)):
        x = np.full((samples, 28, 28), samples, np.uint8)
        for key, array in ((f"x_{split}", x), (f"y_{split}", np.arange(samples, dtype=np.uint8) % 10)):
            (tmp_path / fashion_mnist._FILES[key]).write_bytes(gzip.compress(idx(array)))
    return tmp_path


def test_idx_files(debian: Path) -> None:
    data = load_dataset("fashion_mnist")
    assert (len(data.x_train), len(data.x_test), data.y_test[3]) == (20, 10, 3)
    assert data.x_test.max() == np.float32(10 / 255)
    assert data.origin == str(debian)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no gzip", "not a readable gzip"),
        (gzip.compress(b"\x00\x00\x0d\x01"), "not an IDX file"),
        (gzip.compress(idx(np.zeros(10, np.uint8))[:-3]), "holds 7 bytes; its head says 10"),
    ],
    ids=["no gzip", "no IDX", "short"],  # the bytes hold the time, and xdist needs the same ids in each process
)
def test_damaged_files(debian: Path, content: bytes, message: str) -> None:
    (debian / fashion_mnist._FILES["y_test"]).write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_dataset("fashion_mnist")


def test_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist, "_DEBIAN", tmp_path / "none")
    with pytest.raises(DataError, match="install Debian's package dataset-fashion-mnist"):
        load_dataset("fashion_mnist")


def test_downloads_are_checked_by_the_known_digests_and_kept(monkeypatch: pytest.MonkeyPatch, debian: Path) -> None:
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(fashion_mnist, "_DEBIAN", debian / "none")

    def stand_in(url: str, sha256: str, name: str) -> Path:
        asked.append((url, sha256))
        to = cache() / name
        to.parent.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(debian / to.name, to))

    monkeypatch.setattr(fashion_mnist, "download", stand_in)
    assert len(load_dataset("fashion_mnist").x_train) == 20
    assert {url.rpartition("/")[2] for url, _ in asked} == set(fashion_mnist._FILES.values())
    assert len({sha256 for _, sha256 in asked if len(sha256) == 64}) == 4
