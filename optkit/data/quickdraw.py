"""Quick, Draw!: two classes of 28x28 drawings, as the public numpy bitmaps (CC BY 4.0) have them."""

from __future__ import annotations

import os
import shutil
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.data.dataset import DataEntry, DataMode, Dataset, make_dataset
from optkit.data.preprocessing import Preprocessing
from optkit.data.sources import data_folder, keras_cache
from optkit.data.splits import stratified_split
from optkit.errors import DataError
from optkit.files.archives import read_npy

_URL = "https://storage.googleapis.com/quickdraw_dataset/full/numpy_bitmap/"
_CLASSES = ("The Eiffel Tower", "The Mona Lisa")


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
    folder = data_folder()
    own = folder / "quickdraw" / f"{name}.npy" if folder else None
    path = own if own and os.path.lexists(own) else _downloaded(name)
    try:
        found = read_npy(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not a readable .npy file ({error}); replace or remove it") from error
    if found.ndim != 2 or found.shape[1] != 784 or found.dtype != np.uint8:
        raise DataError(f"{path} has shape {found.shape} and dtype {found.dtype}; expected (samples, 784), uint8")
    return np.asarray(found)


def _downloaded(name: str) -> Path:
    from rich.progress import wrap_file

    path = keras_cache() / "quickdraw" / f"{name}.npy"
    if path.exists():
        return path
    url = _URL + urllib.parse.quote(f"{name}.npy")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(dir=path.parent) as partial,
            urllib.request.urlopen(url, timeout=10) as answer,
            wrap_file(answer, int(answer.headers["Content-Length"]), description=name) as shown,
        ):
            with Path(partial, "class.npy").open("wb") as file:
                shutil.copyfileobj(shown, file)
            Path(partial, "class.npy").replace(path)
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise DataError(
            f"Quick, Draw! class {name!r} is not in OPTKIT_DATA/quickdraw and cannot be downloaded ({reason}); "
            f"set OPTKIT_DATA to a folder with quickdraw/{name}.npy"
        ) from error
    return path
