"""Read image files with Pillow, an extra: whole images only, at a given size."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import DataError
from optkit.files import open_file


def load_pillow() -> tuple[Any, Any]:
    """Return Pillow's modules `Image` and `ImageOps`. Raises DataError when it is not installed."""
    try:
        return importlib.import_module("PIL.Image"), importlib.import_module("PIL.ImageOps")
    except ImportError as error:
        raise DataError(f"reading images needs Pillow ({error}); pip install 'optkit[images]'") from error


def read_image(path: Path, height: int, width: int, channels: int) -> npt.NDArray[np.uint8]:
    """Return the image at `path`, uint8: (height, width) for 1 channel, (height, width, 3) for 3.

    It is turned upright as its EXIF data says, cropped around its centre to the proportions asked for, and resized
    (bilinear). Raises DataError when the file is no whole image that Pillow reads.
    """
    image_module, operations = load_pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", image_module.DecompressionBombWarning)
            with open_file(path) as opened, image_module.open(opened) as file:
                upright = operations.exif_transpose(file).convert("L" if channels == 1 else "RGB")
        fitted = operations.fit(upright, (width, height), image_module.Resampling.BILINEAR)
    except Exception as error:  # Pillow raises many kinds for a damaged file, OSError to SyntaxError
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise DataError(f"{path} is not a readable image ({reason}); replace or remove it") from error
    return np.asarray(fitted, np.uint8)
