"""Fashion-MNIST: from the user's folder, the files of Debian's package, Keras' cache or a download."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.data.dataset import DataEntry, DataMode, Dataset, make_dataset
from optkit.data.preprocessing import Preprocessing
from optkit.data.sources import KERAS_FILES, cache, download, keras_cache, not_found, own_file, read_npz
from optkit.errors import DataError
from optkit.files.online import DownloadError

_DEBIAN = Path("/usr/share/datasets/fashion-mnist")
_FILES = {
    "x_train": "train-images-idx3-ubyte.gz",
    "y_train": "train-labels-idx1-ubyte.gz",
    "x_test": "t10k-images-idx3-ubyte.gz",
    "y_test": "t10k-labels-idx1-ubyte.gz",
}
_SHA256 = {
    "x_train": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "y_train": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "x_test": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "y_test": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
_FOLDER = "fashion-mnist"
"""In Keras' cache, and in optkit's."""


def load(mode: DataMode) -> Dataset:
    """Load Fashion-MNIST. Raises DataError when it is nowhere to be had, or `mode` is embedded."""
    if mode == "embedded":
        raise DataError("Fashion-MNIST has no embedded set; use --data auto or full")
    own = own_file("fashion_mnist.npz")
    if own:
        return _dataset(str(own), read_npz(own))
    place = _place()
    return _dataset(str(place), {key: read_idx(place / name) for key, name in _FILES.items()})


ENTRY = DataEntry(names=("fashion_mnist",), load=load, preprocessing=lambda **_: Preprocessing(shape=(28, 28)))


def _place() -> Path:
    """Return the first folder that has the four files, after downloads where none has them."""
    for place in (_DEBIAN, keras_cache() / _FOLDER):
        if all((place / name).exists() for name in _FILES.values()):
            return place
    try:
        for key, name in _FILES.items():
            download(KERAS_FILES + name, _SHA256[key], f"{_FOLDER}/{name}")
    except DownloadError as error:
        otherwise = ", or install Debian's package dataset-fashion-mnist"
        raise not_found("Fashion-MNIST", "fashion_mnist.npz", error, otherwise) from error
    return cache() / _FOLDER


def _dataset(origin: str, arrays: dict[str, npt.NDArray[Any]]) -> Dataset:
    return make_dataset("fashion_mnist", origin, arrays, classes=10, sample_shape=(28, 28), scale=1 / 255)


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Return the array of a gzipped IDX file of bytes (the format of the original MNIST files)."""
    try:
        data = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise DataError(f"{path} is not a readable gzip file ({error}); replace or remove it") from error
    if len(data) < 4 or data[:3] != b"\x00\x00\x08":
        raise DataError(f"{path} is not an IDX file of bytes; replace or remove it")
    shape = np.frombuffer(data, ">i4", count=data[3], offset=4)
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * data[3])
    if values.size != int(np.prod(shape)):
        raise DataError(f"{path} holds {values.size} bytes; its head says {'x'.join(map(str, shape))}; replace it")
    return values.reshape(shape)
