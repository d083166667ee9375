"""Where files of data come from: the user's folder, Keras' cache, Keras' own downloads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy.typing as npt

from optkit.errors import DataError
from optkit.files import archives
from optkit.files.online import KERAS_HOST, reachable


def data_folder() -> Path | None:
    """Return the folder that OPTKIT_DATA names, None when it is not set. Raises DataError when it is no folder."""
    folder = os.environ.get("OPTKIT_DATA")
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise DataError(f"OPTKIT_DATA is {folder!r}, which is not a folder; set it to one, or unset it")
    return Path(folder)


def keras_cache() -> Path:
    """Return the folder where Keras' own loaders keep what they download (they do not heed KERAS_HOME)."""
    return Path.home() / ".keras" / "datasets"


def download_with_keras(name: str) -> bool:
    """Let Keras' loader fetch data set `name` into its cache. False, quickly, where there is no network."""
    if not reachable(KERAS_HOST):
        return False
    try:
        from optkit.keras.tensorflow import load_keras

        getattr(load_keras().datasets, name).load_data()
    except Exception:  # Keras raises many kinds for a broken download; the caller falls back or says what is missing
        return False
    return True


def read_npz(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an .npz file by name, without pickles. Raises DataError when it is not one."""
    try:
        return archives.read_npz(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not a readable .npz file ({error}); replace or remove it") from error
