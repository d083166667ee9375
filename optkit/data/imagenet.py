"""ImageNet, as the networks of `optkit.models.hosted` take it: a folder of labelled images, or random pixels without.

Law: random pixels bear another name than the images, and have no labels: nothing is right or wrong about them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.data.dataset import DataEntry, DataMode, Dataset, make_dataset
from optkit.data.image_folder import image_files, read_pixels
from optkit.data.images import load_pillow
from optkit.data.preprocessing import Preprocessing
from optkit.data.sources import data_folder
from optkit.data.splits import stratified_subset
from optkit.errors import DataError

_RANDOM_SAMPLES = 16
"""Random images to calibrate on, and as many to run: sizes and times do not depend on them."""


def load(
    mode: DataMode,
    size: int = 224,
    mean: tuple[float, ...] = (0.5,),
    std: tuple[float, ...] = (0.5,),
    train_samples: int = 100,
    test_samples: int = 1000,
    classes: int = 1000,
) -> Dataset:
    """Load images of OPTKIT_DATA/imagenet/<class>/: x float32 (samples, size, size, 3), y int64, the class' place.

    The folders in alphabetical order are the classes, as Keras numbers them when they are named by WordNet ids.
    Images are cropped around the centre to a square and resized; then (pixels / 255 - mean) / std. Only fixed,
    stratified parts are read: `train_samples` to calibrate on and, of the others, `test_samples` (0: all of them).
    Without the folder, or with `mode` embedded, it is 16 and 16 random images without labels, fixed by a seed.
    Raises DataError when `mode` is full and there is no folder, or when the folder is not so, an image is damaged or
    Pillow is missing.
    """
    look = preprocessing(size=size, mean=mean, std=std)
    folder = data_folder()
    root = folder / "imagenet" if folder else None
    if mode != "embedded" and root and root.is_dir():
        arrays = _images(root, look, classes, train_samples, test_samples)
        return make_dataset("imagenet", str(root), arrays, classes=classes, sample_shape=look.shape, preprocessing=look)
    if mode == "full":
        raise DataError(
            f"ImageNet was not found: no folder imagenet in OPTKIT_DATA ({folder or 'not set'}); put images there as "
            f"imagenet/<class>/*.jpg, {classes:,} classes, or use --data embedded (random images, no labels)"
        )
    return make_dataset(
        "imagenet-unlabelled",
        "random images",
        _random(look),
        classes=classes,
        sample_shape=look.shape,
        preprocessing=look,
        labelled=False,
    )


def preprocessing(
    size: int = 224, mean: tuple[float, ...] = (0.5,), std: tuple[float, ...] = (0.5,), **_: Any
) -> Preprocessing:
    """Return what `load` does to an image, given the same parameters. Raises DataError when one cannot be."""
    return Preprocessing(shape=(size, size, 3), mean=tuple(mean), std=tuple(std))


ENTRY = DataEntry(names=("imagenet", "imagenet-unlabelled"), load=load, preprocessing=preprocessing)


def _images(
    root: Path, look: Preprocessing, classes: int, train_samples: int, test_samples: int
) -> dict[str, npt.NDArray[Any]]:
    load_pillow()
    names, files, y = image_files(root)
    if len(names) != classes:
        raise DataError(
            f"{root} has {len(names):,} sub-folders; expected {classes:,}, one a class: their order numbers the classes"
        )
    if train_samples < 1 or test_samples < 0:
        raise DataError(
            f"train_samples is {train_samples} and test_samples {test_samples}; expected 1 or more, and 0 (all) or more"
        )
    train = stratified_subset(y, train_samples)
    rest = np.setdiff1d(np.arange(len(y)), train)
    test = rest[stratified_subset(y[rest], test_samples)]
    if not len(test):
        raise DataError(f"{root} has {len(y):,} images, all taken by train_samples ({train_samples}); add images")
    arrays: dict[str, npt.NDArray[Any]] = {}
    for split, places in (("train", train), ("test", test)):
        arrays[f"x_{split}"] = read_pixels([files[i] for i in places], look)
        arrays[f"y_{split}"] = y[places]
    return arrays


def _random(look: Preprocessing) -> dict[str, npt.NDArray[Any]]:
    rng = np.random.default_rng(0)
    shape = (_RANDOM_SAMPLES, *look.shape)
    return {f"x_{split}": rng.integers(0, 256, shape, np.uint8) for split in ("train", "test")}
