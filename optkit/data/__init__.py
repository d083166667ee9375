"""Data sets: one file each, one line each in `DATASETS`."""

from __future__ import annotations

from typing import Any

from optkit.data import cifar10, fashion_mnist, image_folder, imagenet, mnist, quickdraw
from optkit.data.dataset import DATA_MODES, DataEntry, DataMode, Dataset, make_dataset
from optkit.errors import DataError, nearest

__all__ = ["DATASETS", "DATA_MODES", "DataEntry", "DataMode", "Dataset", "load_dataset", "make_dataset"]

DATASETS: dict[str, DataEntry] = {
    "cifar10": cifar10.ENTRY,
    "fashion_mnist": fashion_mnist.ENTRY,
    "image_folder": image_folder.ENTRY,
    "imagenet": imagenet.ENTRY,
    "mnist": mnist.ENTRY,
    "quickdraw": quickdraw.ENTRY,
}


def load_dataset(name: str, mode: DataMode = "auto", **params: Any) -> Dataset:
    """Load data set `name` with the parameters its loader takes.

    Raises DataError when there is none of that name or mode, or it cannot be had.
    """
    if name not in DATASETS:
        raise DataError(f"there is no data set {name!r}; {nearest(name, DATASETS)}")
    if mode not in DATA_MODES:
        raise DataError(f"there is no data mode {mode!r}; {nearest(mode, DATA_MODES)}")
    return DATASETS[name].load(mode, **params)
