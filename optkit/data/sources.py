"""Where files of data come from: the user's folder, Keras' cache, downloads into optkit's own cache."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy.typing as npt
import platformdirs

from optkit.errors import DataError
from optkit.files import archives, online
from optkit.files.online import DownloadError

KERAS_FILES = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
"""Where Keras keeps the files of its data sets."""


def data_folder() -> Path | None:
    """Return the folder that OPTKIT_DATA names, None when it is not set. Raises DataError when it is no folder."""
    folder = os.environ.get("OPTKIT_DATA")
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise DataError(f"OPTKIT_DATA is {folder!r}, which is not a folder; set it to one, or unset it")
    return Path(folder)


def own_file(name: str) -> Path | None:
    """Return the file `name` of the user's folder; None when there is none. One that cannot be read is there."""
    folder = data_folder()
    return folder / name if folder and os.path.lexists(folder / name) else None


def keras_cache() -> Path:
    """Return the folder where Keras' own loaders keep what they download (they do not heed KERAS_HOME)."""
    return Path.home() / ".keras" / "datasets"


def cache() -> Path:
    """Return the folder where optkit keeps what it downloads: `data` in its part of the user's cache."""
    return platformdirs.user_cache_path("optkit") / "data"


def download(url: str, sha256: str | None, name: str) -> Path:
    """Return the file `name` of optkit's cache, downloaded from `url` first when it is not there.

    `sha256` as in `optkit.files.online.download`. Raises DownloadError.
    """
    return online.download(url, sha256, cache() / name)


def not_found(what: str, name: str, why: DownloadError, otherwise: str = "") -> DataError:
    """Return the error for data that are nowhere: `name` is the file that the user's folder may have."""
    return DataError(
        f"{what} was not found: no {name} in OPTKIT_DATA ({os.environ.get('OPTKIT_DATA') or 'not set'}), and it "
        f"cannot be downloaded ({why}); set OPTKIT_DATA to a folder with {name}{otherwise}"
    )


def read_npz(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an .npz file by name, without pickles. Raises DataError when it is not one."""
    try:
        return archives.read_npz(path)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}; name an .npz file that is there") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not a readable .npz file ({error}); replace or remove it") from error
