"""Read image files with Pillow, an extra: whole images only, at a given size.

Law: a file that only looks like an image runs no other program, and nothing but a regular file is ever read.
"""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import DataError
from optkit.files.regular import open_file

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
"""The formats that are read, by their content and not by the file's name. Others may call programs or other files."""
_FULL_RANGE = {"I;16": 65535, "I;16L": 65535, "I;16B": 65535, "I;16N": 65535, "I": 65535}
# Pillow's modes of one channel that hold more than 8 bits. A PNG file has 16; Pillow before 11 gives them as "I".


def load_pillow() -> tuple[Any, Any]:
    """Return Pillow's modules `Image` and `ImageOps`. Raises DataError when it is not installed."""
    try:
        return importlib.import_module("PIL.Image"), importlib.import_module("PIL.ImageOps")
    except ImportError as error:
        raise DataError(f"reading images needs Pillow ({error}); pip install 'optkit[images]'") from error


def read_image(path: Path, height: int, width: int, channels: int) -> npt.NDArray[np.uint8]:
    """Return the image at `path`, uint8: (height, width) for 1 channel, (height, width, 3) for 3.

    It is turned upright as its EXIF data says, cropped around its centre to the proportions asked for, and resized
    (bilinear). 16 bits become 8 by the full range: 65535 is 255. Of an animation the first frame is taken.
    Transparency is dropped, and the colours under it stay as they are. Raises DataError when `path` is no regular
    file, or no whole image in one of `FORMATS`.
    """
    image_module, operations = load_pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", image_module.DecompressionBombWarning)
            with open_file(path) as content, image_module.open(content, formats=FORMATS) as file:
                upright = _eight_bits(image_module, operations.exif_transpose(file))
                plain = upright.convert("L" if channels == 1 else "RGB")
        fitted = operations.fit(plain, (width, height), image_module.Resampling.BILINEAR)
    except Exception as error:  # Pillow raises many kinds for a damaged file, OSError to SyntaxError
        if isinstance(error, image_module.UnidentifiedImageError):
            reason = f"it is none of {', '.join(FORMATS)}"
        else:
            reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise DataError(f"{path} is not a readable image ({reason}); replace or remove it") from error
    return np.asarray(fitted, np.uint8)


def _eight_bits(image_module: Any, image: Any) -> Any:
    """Return `image` with 8 bits a channel. Pillow's own conversion of 16 bits to 8 cuts off at 255."""
    if image.mode not in _FULL_RANGE:
        return image
    pixels = np.asarray(image, np.float64) * (255 / _FULL_RANGE[image.mode])
    return image_module.fromarray(np.clip(np.round(pixels), 0, 255).astype(np.uint8))
