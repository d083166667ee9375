"""The user's own folder of images: one sub-folder a class, or `train/` and `test/` (or `val/`) that hold them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from optkit.data.image_folder import image_files, read_pixels
from optkit.data.images import load_pillow
from optkit.data.own_arrays import Parts, Samples
from optkit.data.preprocessing import Preprocessing
from optkit.errors import DataError

_TEST = ("test", "val", "validation")
PIXEL_SCALE = 1 / 255
"""Pixels of images become numbers from 0 to 1, unless another scale is asked for."""


def folder_parts(root: Path, size: tuple[int, int] | None, channels: int) -> tuple[Parts, tuple[str, ...]]:
    """Return the images of a folder as raw data by split, uint8 (samples, height, width, channels), and its classes.

    With a sub-folder `train` there must be one of `test`, `val` and `validation` (the first of them is taken), with the
    same classes in it. Otherwise all is one part, still to be split. The class numbers are the alphabetical order.
    Raises DataError when that is not so, no `size` is given, an image is damaged, or Pillow is missing.
    """
    if size is None:
        raise DataError(f"{root} is a folder of images; say to what size they are brought: size = [height, width]")
    if len(size) != 2 or not all(isinstance(side, int) and 0 < side < 100_000 for side in size):
        raise DataError(f"size is {list(size)}; expected [height, width] in pixels, such as [96, 96]")
    if channels not in (1, 3):
        raise DataError(f"channels is {channels}; images are read with 1 (grey) or 3 (colour)")
    load_pillow()
    look = Preprocessing(shape=(*size, channels))
    if not (root / "train").is_dir():
        part, names = _read(root, look)
        return {"whole": part}, names
    test = next((name for name in _TEST if (root / name).is_dir()), None)
    if test is None:
        raise DataError(f"{root} has train/ but none of {', '.join(f'{name}/' for name in _TEST)}; add one to test on")
    parts, classes = {}, {}
    for split, name in (("train", "train"), ("test", test)):
        parts[split], classes[split] = _read(root / name, look)
    if classes["train"] != classes["test"]:
        only = sorted(set(classes["train"]) ^ set(classes["test"]))
        raise DataError(
            f"{root}: train/ has {len(classes['train'])} classes and {test}/ {len(classes['test'])}; not in both: "
            f"{', '.join(only[:5])}; put the same classes in both"
        )
    return parts, classes["train"]


def _read(root: Path, look: Preprocessing) -> tuple[Samples, tuple[str, ...]]:
    names, files, y = image_files(root)
    return Samples(x={"": np.asarray(read_pixels(files, look))}, y=y), tuple(names)
