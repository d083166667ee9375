"""CIFAR-10: from the user's folder, Keras' cache or a download; all of it or a fixed part.

Samples are normalized per channel: by default with the mean and standard deviation of the 50,000 training images.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.data.dataset import DataEntry, DataMode, Dataset, make_dataset
from optkit.data.preprocessing import Preprocessing
from optkit.data.sources import data_folder, keras_cache, read_npz
from optkit.data.splits import stratified_subset
from optkit.errors import DataError
from optkit.files.online import reachable

_MEAN = (0.4914, 0.4822, 0.4465)
_STD = (0.2470, 0.2435, 0.2616)
_HOST = "www.cs.toronto.edu"
_ARCHIVE = "cifar-10-batches-py.tar.gz"


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
    folder = data_folder()
    if folder and os.path.lexists(folder / "cifar10.npz"):
        return folder / "cifar10.npz"
    kept = keras_cache() / "cifar10.npz"
    if kept.exists() or _from_keras(kept):
        return kept
    raise DataError(
        f"CIFAR-10 was not found: no cifar10.npz in OPTKIT_DATA ({os.environ.get('OPTKIT_DATA', 'not set')}), nothing "
        f"in Keras' cache ({keras_cache()}), and no network; set OPTKIT_DATA to a folder with cifar10.npz that holds "
        "x_train, y_train, x_test and y_test"
    )


def _from_keras(kept: Path) -> bool:
    """Let Keras' loader read the archive in its cache, or download it, and keep the arrays as the .npz file `kept`.

    CIFAR-10 comes as pickles. Keras unpacks them into a folder made here, from the archive whose sha256 it has just
    checked, so that no others are ever read; and it does so only once.
    """
    archive = kept.parent / _ARCHIVE
    if not archive.exists() and not reachable(_HOST):
        return False
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as partial:
        (Path(partial) / "datasets").mkdir()
        if archive.exists():
            shutil.copy(archive, Path(partial) / "datasets")
        try:
            from optkit.keras.tensorflow import load_keras

            (x_train, y_train), (x_test, y_test) = load_keras().datasets.cifar10.load_data(cache_dir=partial)
        except Exception:  # Keras raises many kinds for a broken download; the caller says what is missing
            return False
        path = Path(partial) / "cifar10.npz"
        np.savez_compressed(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
        path.replace(kept)
    return True
