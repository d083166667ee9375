"""Where files of data come from: the user's folder, Keras' cache, Keras' own downloads."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from optkit.errors import DataError
from optkit.online import KERAS_HOST, reachable


def data_folder() -> Path | None:
    """Return the folder that OPTKIT_DATA names, None when it is not set. Raises DataError when it is no folder."""
    folder = os.environ.get("OPTKIT_DATA")
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise DataError(f"OPTKIT_DATA is {folder!r}, which is not a folder; set it to one, or unset it")
    return Path(folder)


def open_regular(path: Path) -> BinaryIO:
    """Open the regular file at `path` for reading its bytes. Raises DataError when it is none, or cannot be opened.

    A folder, a FIFO, a socket or a device is refused without waiting for whoever writes to it. What is checked is what
    was opened, so that nothing can be put in its place between.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a device may already do something
            raise DataError(f"{path} is not a regular file; name a file")
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read ({reason}); name a readable file") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DataError(f"{path} is not a regular file; name a file")
    return os.fdopen(descriptor, "rb")


def keras_cache() -> Path:
    """Return the folder where Keras' own loaders keep what they download (they do not heed KERAS_HOME)."""
    return Path.home() / ".keras" / "datasets"


def download_with_keras(name: str) -> bool:
    """Let Keras' loader fetch data set `name` into its cache. False, quickly, where there is no network."""
    if not reachable(KERAS_HOST):
        return False
    try:
        from optkit.tensorflow import load_keras

        getattr(load_keras().datasets, name).load_data()
    except Exception:  # Keras raises many kinds for a broken download; the caller falls back or says what is missing
        return False
    return True


def read_npz(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an .npz file by name, without pickles. Raises DataError when it is not one."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is not a readable .npz file ({error}); replace or remove it") from error
