"""Fashion-MNIST: from the user's folder, the files of Debian's package, Keras' cache or a download."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.data.dataset import DataEntry, DataMode, Dataset, make_dataset
from optkit.data.preprocessing import Preprocessing
from optkit.data.sources import data_folder, download_with_keras, keras_cache, read_npz
from optkit.errors import DataError

_DEBIAN = Path("/usr/share/datasets/fashion-mnist")
_FILES = {
    "x_train": "train-images-idx3-ubyte.gz",
    "y_train": "train-labels-idx1-ubyte.gz",
    "x_test": "t10k-images-idx3-ubyte.gz",
    "y_test": "t10k-labels-idx1-ubyte.gz",
}


def load(mode: DataMode) -> Dataset:
    """Load Fashion-MNIST. Raises DataError when it is nowhere to be had, or `mode` is embedded."""
    if mode == "embedded":
        raise DataError("Fashion-MNIST has no embedded set; use --data auto or full")
    folder = data_folder()
    own = folder / "fashion_mnist.npz" if folder else None
    if own and os.path.lexists(own):
        return _dataset(str(own), read_npz(own))
    cache = keras_cache() / "fashion-mnist"
    for place in (_DEBIAN, cache):
        if all((place / name).exists() for name in _FILES.values()):
            return _dataset(str(place), {key: read_idx(place / name) for key, name in _FILES.items()})
    if download_with_keras("fashion_mnist"):
        return _dataset(str(cache), {key: read_idx(cache / name) for key, name in _FILES.items()})
    raise DataError(
        f"Fashion-MNIST was not found: no fashion_mnist.npz in OPTKIT_DATA, no files in {_DEBIAN} or {cache}, and no "
        "network; install Debian's package dataset-fashion-mnist, or set OPTKIT_DATA to a folder with the .npz file"
    )


ENTRY = DataEntry(names=("fashion_mnist",), load=load, preprocessing=lambda **_: Preprocessing(shape=(28, 28)))


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
