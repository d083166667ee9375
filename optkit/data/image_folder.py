"""A folder of images as a data set: one sub-folder a class, in alphabetical order.

Law: nothing outside the folder is read. A link that leads out of it is an error, not followed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.data.dataset import DataEntry, DataMode, Dataset, make_dataset
from optkit.data.images import load_pillow, read_image
from optkit.data.preprocessing import Preprocessing
from optkit.data.sources import data_folder
from optkit.data.splits import stratified_split, stratified_subset
from optkit.errors import DataError

_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
_NOT_READ = (".pgm", ".ppm", ".tif", ".tiff")
_SHOWN = 5


def load(
    mode: DataMode,
    path: str = "",
    size: int = 224,
    channels: int = 3,
    mean: tuple[float, ...] = (0.0,),
    std: tuple[float, ...] = (1.0,),
    test_share: float = 0.2,
    samples: int = 0,
) -> Dataset:
    """Load the images of `path`/<class>/: x float32 (samples, size, size, channels), y int64, the class' place.

    A `path` that is not absolute is under OPTKIT_DATA when that is set, else under the current folder. Images are
    cropped around the centre to a square and resized; then (pixels / 255 - mean) / std. `test_share` of the smallest
    class goes to test, as many of every other class. `samples` takes a fixed, stratified part; 0 takes all.
    Raises DataError when the folder is not so, an image is damaged, Pillow is missing, or `mode` is embedded.
    """
    if mode == "embedded":
        raise DataError("a folder of images has no embedded set; use --data auto or full")
    load_pillow()
    look = preprocessing(size=size, channels=channels, mean=mean, std=std)
    if not 0 < test_share < 1:
        raise DataError(f"test_share is {test_share}; expected a fraction between 0 and 1")
    if samples < 0:
        raise DataError(f"samples is {samples}; expected 0 (all) or more")
    root = _root(path)
    classes, files, y = image_files(root)
    chosen = stratified_subset(y, samples)
    y = y[chosen]
    smallest = min(np.bincount(y, minlength=len(classes)))
    if smallest < 2:
        raise DataError(f"{root}: a class has {smallest} images; expected 2 or more, to train and to test")
    x = read_pixels([files[i] for i in chosen], look)
    arrays = stratified_split(x, y, min(max(1, round(smallest * test_share)), smallest - 1))
    return make_dataset(
        "image_folder", str(root), arrays, classes=len(classes), sample_shape=look.shape, preprocessing=look
    )


def preprocessing(
    size: int = 224,
    channels: int = 3,
    mean: tuple[float, ...] = (0.0,),
    std: tuple[float, ...] = (1.0,),
    **_: Any,
) -> Preprocessing:
    """Return what `load` does to an image, given the same parameters. Raises DataError when one cannot be."""
    if channels not in (1, 3):
        raise DataError(f"channels is {channels}; expected 1 (grey) or 3 (colour)")
    return Preprocessing(shape=(size, size, channels), mean=tuple(mean), std=tuple(std))


ENTRY = DataEntry(names=("image_folder",), load=load, preprocessing=preprocessing)


def _root(path: str) -> Path:
    if not path:
        raise DataError("a folder of images needs its path; add path to the data set's params")
    root = (data_folder() or Path()) / Path(path).expanduser()
    if not root.is_dir():
        raise DataError(f"{root} is not a folder; give the path of a folder with one sub-folder of images a class")
    return root


def image_files(root: Path) -> tuple[list[str], list[Path], npt.NDArray[np.int64]]:
    """Return the class names, and every image with its class number, in order of their names.

    Raises DataError when `root` has fewer than two sub-folders, one has no images, or images of a format that is not
    read, or a link leads out of it. An image that is not read is not left out in silence: the rest is other data.
    """
    inside = root.resolve()
    folders = sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if len(folders) < 2:
        raise DataError(f"{root} has {len(folders)} sub-folders; expected two or more, one a class")
    files: list[Path] = []
    labels: list[int] = []
    for label, folder in enumerate(folders):
        _check_inside(folder, inside)
        entries = sorted(folder.iterdir())
        if other := [file for file in entries if file.suffix.lower() in _NOT_READ]:
            raise DataError(
                f"{other[0]} is of a format that is not read; save it (and any like it) as PNG, or remove it"
            )
        found = [file for file in entries if file.suffix.lower() in _SUFFIXES]
        if not found:
            raise DataError(f"{folder} holds no images ({', '.join(_SUFFIXES)}); add some, or remove it")
        for file in found:
            _check_inside(file, inside)
        files += found
        labels += [label] * len(found)
    return [folder.name for folder in folders], files, np.asarray(labels, np.int64)


def _check_inside(path: Path, root: Path) -> None:
    try:
        inside = path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a link that leads to itself; Python 3.13 goes no further, and so do we
        raise DataError(f"{path} is a link that leads in a circle; put the file itself there") from None
    if not inside:
        raise DataError(f"{path} is a link that leads out of {root}; put the file itself there")


def read_pixels(files: list[Path], look: Preprocessing) -> npt.NDArray[np.uint8]:
    """Return the images, uint8 (files, *shape of `look`). Raises DataError naming those that cannot be read."""
    height, width = look.shape[:2]
    x = np.empty((len(files), *look.shape), np.uint8)
    damaged: list[str] = []
    for i, file in enumerate(files):
        try:
            x[i] = read_image(file, height, width, look.channels).reshape(look.shape)
        except DataError as error:
            damaged.append(str(error))
    if len(damaged) > 1:
        rest = f", and {len(damaged) - _SHOWN} more" if len(damaged) > _SHOWN else ""
        raise DataError(f"{len(damaged)} images cannot be read: {'; '.join(damaged[:_SHOWN])}{rest}")
    if damaged:
        raise DataError(damaged[0])
    return x
