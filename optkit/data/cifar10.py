"""CIFAR-10: from the user's folder, Keras' cache or a download; all of it or a fixed part.

Samples are normalized per channel: by default with the mean and standard deviation of the 50,000 training images.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.data.dataset import DataEntry, DataMode, Dataset, make_dataset
from optkit.data.preprocessing import Preprocessing
from optkit.data.sources import cache, keras_cache, not_found, own_file, read_npz
from optkit.data.splits import stratified_subset
from optkit.errors import DataError
from optkit.files.online import DownloadError, download
from optkit.process.temporary import temporary_folder

_MEAN = (0.4914, 0.4822, 0.4465)
_STD = (0.2470, 0.2435, 0.2616)
_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
_ARCHIVE = "cifar-10-batches-py.tar.gz"
"""Its name in Keras' cache."""


def load(
    mode: DataMode,
    train_samples: int = 0,
    test_samples: int = 0,
    mean: tuple[float, ...] = _MEAN,
    std: tuple[float, ...] = _STD,
) -> Dataset:
    """Load CIFAR-10: x float32 (samples, 32, 32, 3), (pixels / 255 - mean) / std; y int64, 0 airplane to 9 truck.

    `mean` and `std`, one value or one a channel, are those that the weights in use were trained with.
    `train_samples` and `test_samples` take a fixed, stratified part of each split; 0 takes all. Raises DataError when
    the data are nowhere to be had, a number cannot be, or `mode` is embedded.
    """
    look = preprocessing(mean=mean, std=std)
    if mode == "embedded":
        raise DataError("CIFAR-10 has no embedded set; use --data auto or full")
    path = _path()
    arrays = read_npz(path)
    for split, samples in (("train", train_samples), ("test", test_samples)):
        _take(path, arrays, split, samples)
    return make_dataset("cifar10", str(path), arrays, classes=10, sample_shape=look.shape, preprocessing=look)


def preprocessing(mean: tuple[float, ...] = _MEAN, std: tuple[float, ...] = _STD, **_: Any) -> Preprocessing:
    """Return what `load` does to an image, given the same parameters. Raises DataError when one cannot be."""
    return Preprocessing(shape=(32, 32, 3), mean=tuple(mean), std=tuple(std))


ENTRY = DataEntry(names=("cifar10",), load=load, preprocessing=preprocessing)


def _take(path: Path, arrays: dict[str, npt.NDArray[Any]], split: str, samples: int) -> None:
    x, y = arrays.get(f"x_{split}"), arrays.get(f"y_{split}")
    if x is None or y is None:
        return  # make_dataset says what is missing
    if x.dtype != np.uint8:
        raise DataError(f"{path}: x_{split} has dtype {x.dtype}; expected uint8, 0 to 255")
    y = y.reshape(-1)  # Keras' own arrays have shape (samples, 1)
    if not 0 <= samples <= len(y):
        raise DataError(f"{split}_samples is {samples}; expected 0 (all) to {len(y)}")
    if len(x) == len(y):
        places = stratified_subset(y, samples)
        arrays[f"x_{split}"], arrays[f"y_{split}"] = x[places], y[places]


def _path() -> Path:
    own, before, kept = own_file("cifar10.npz"), keras_cache() / "cifar10.npz", cache() / "cifar10.npz"
    if own:
        return own
    if before.exists():  # earlier versions kept it there
        return before
    return kept if kept.exists() else _keep(kept)


def _keep(kept: Path) -> Path:
    """Write the arrays of the archive in Keras' cache, or else of a download, to `kept`."""
    try:
        with temporary_folder("cifar10", cached=True) as folder:
            archive = _from_keras() or download(_URL, _SHA256, folder / "archive").read_bytes()
            arrays: dict[str, Any] = dict(_batches(archive))
            np.savez_compressed(folder / "cifar10.npz", **arrays)
            kept.parent.mkdir(parents=True, exist_ok=True)
            (folder / "cifar10.npz").replace(kept)
    except DownloadError as error:
        raise not_found("CIFAR-10", "cifar10.npz", error, ": x_train, y_train, x_test and y_test") from error
    return kept


def _from_keras() -> bytes | None:
    """Return the archive that Keras keeps; None when it is not there or not the one that is known."""
    try:
        data = (keras_cache() / _ARCHIVE).read_bytes()
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == _SHA256 else None


def _batches(archive: bytes) -> dict[str, npt.NDArray[np.uint8]]:
    """Return the arrays of the archive: x (samples, 32, 32, 3), y (samples,).

    Its batches are pickles, which run what they say. So `archive` must be the one whose sha256 is known.
    """

    def batch(name: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        member = files.extractfile(f"cifar-10-batches-py/{name}")
        assert member
        found = pickle.load(member, encoding="bytes")
        pixels = np.asarray(found[b"data"], np.uint8).reshape(-1, 3, 32, 32)
        return pixels.transpose(0, 2, 3, 1), np.asarray(found[b"labels"], np.uint8)

    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
        x, y = zip(*[batch(f"data_batch_{i}") for i in range(1, 6)], strict=True)
        x_test, y_test = batch("test_batch")
    return {"x_train": np.concatenate(x), "y_train": np.concatenate(y), "x_test": x_test, "y_test": y_test}
