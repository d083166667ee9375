"""Quick, Draw!: two classes of 28x28 drawings, as the public numpy bitmaps (CC BY 4.0) have them."""

from __future__ import annotations

import urllib.parse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.data.dataset import DataEntry, DataMode, Dataset, make_dataset
from optkit.data.preprocessing import Preprocessing
from optkit.data.sources import download, keras_cache, not_found, own_file
from optkit.data.splits import stratified_split
from optkit.errors import DataError
from optkit.files.archives import read_npy
from optkit.files.online import DownloadError

_URL = "https://storage.googleapis.com/quickdraw_dataset/full/numpy_bitmap/"
_CLASSES = ("The Eiffel Tower", "The Mona Lisa")
_SHA256 = {
    "The Eiffel Tower": "a2a85bfa8cae938ad756e4a2416fe02b66f1783cd1034454ad480fc8946eaa43",
    "The Mona Lisa": "fb4e117406a1a4efe7244fb55d00ee6f0c7fc4ad7a7311e532c20e3ccd60877f",
}
"""Of the default classes. Of the other 343 any file is taken that is as long as the server says and holds drawings."""


def load(mode: DataMode, classes: tuple[str, ...] = _CLASSES, test_share: float = 0.2) -> Dataset:
    """Load two classes as a binary task: the second class is the positive one; `test_share` of each goes to test.

    Raises DataError when a class is neither in OPTKIT_DATA/quickdraw nor can be downloaded, or `mode` is embedded.
    """
    if mode == "embedded":
        raise DataError("Quick, Draw! has no embedded set; use --data auto or full")
    if len(classes) != 2 or len(set(classes)) != 2 or any(set(name) & set("/\\") for name in classes):
        raise DataError(f"classes are {list(classes)}; expected two different names of Quick, Draw! classes")
    if not 0 < test_share < 1:
        raise DataError(f"test_share is {test_share}; expected a fraction between 0 and 1")
    drawings = [_drawings(name) for name in classes]
    smallest = min(len(found) for found in drawings)
    x = np.concatenate(drawings).reshape(-1, 28, 28)
    y = np.repeat([0, 1], [len(found) for found in drawings])
    arrays = stratified_split(x, y, max(1, round(smallest * test_share)))
    origin = f"Quick, Draw! ({classes[0]}, {classes[1]})"
    return make_dataset("quickdraw", origin, arrays, classes=2, sample_shape=(28, 28), scale=1 / 255)


ENTRY = DataEntry(names=("quickdraw",), load=load, preprocessing=lambda **_: Preprocessing(shape=(28, 28)))


def _drawings(name: str) -> npt.NDArray[Any]:
    """Return the drawings of a class, uint8, (samples, 784)."""
    path = own_file(f"quickdraw/{name}.npy") or _downloaded(name)
    try:
        found = read_npy(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not a readable .npy file ({error}); replace or remove it") from error
    if found.ndim != 2 or found.shape[1] != 784 or found.dtype != np.uint8:
        raise DataError(f"{path} has shape {found.shape} and dtype {found.dtype}; expected (samples, 784), uint8")
    return np.asarray(found)


def _downloaded(name: str) -> Path:
    kept, file = keras_cache() / "quickdraw" / f"{name}.npy", f"quickdraw/{name}.npy"
    if kept.exists():  # earlier versions kept them there
        return kept
    try:
        return download(_URL + urllib.parse.quote(f"{name}.npy"), _SHA256.get(name), file)
    except DownloadError as error:
        raise not_found(f"Quick, Draw! class {name!r}", file, error) from error
