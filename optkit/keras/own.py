"""The user's own model, as a file or a folder: which kind it is, its digest, and itself as a tf-keras model.

Law: opening a model runs no code that it brings. Only a module that the caller names is imported.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from optkit.errors import ArtifactError, BuildError, first_line
from optkit.files.regular import open_file
from optkit.keras.files import check_config, load_model
from optkit.keras.keras3 import keras_version, load_keras3, read_config
from optkit.keras.rebuild import rebuild
from optkit.keras.saved_model import load_saved_model
from optkit.keras.tensorflow import load_keras
from optkit.keras.weights import try_weights
from optkit.spec.keys import file_sha256

ModelKind = Literal["keras3", "keras2", "saved_model", "tflite"]
_SUFFIXES = ".keras, .h5, .tflite, or a SavedModel folder"


def model_kind(path: Path) -> ModelKind:
    """Return what the model at `path` is: by its suffix, and for Keras by what the file says of its version.

    Raises ArtifactError when there is no such file, or it is none of these.
    """
    if path.is_dir():
        if not (path / "saved_model.pb").is_file():
            raise ArtifactError(f"{path} is a folder without saved_model.pb; give {_SUFFIXES}")
        return "saved_model"
    try:
        with open_file(path):
            pass
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror or error}; give {_SUFFIXES}") from error
    if path.suffix == ".tflite":
        return "tflite"
    if path.suffix not in (".keras", ".h5", ".hdf5"):
        raise ArtifactError(f"{path} ends in {path.suffix or 'nothing'!r}; give {_SUFFIXES}")
    return "keras3" if keras_version(path) == 3 else "keras2"


def open_model(path: Path, custom_objects: str | None = None, *, allow_lambda: bool = False) -> Any:
    """Return the model at `path` as a tf-keras model, not compiled, for techniques that train.

    A Keras 3 model is rebuilt in tf-keras (`optkit.keras.rebuild`). `custom_objects` is a module, "package.module",
    whose classes and functions the model may use: it is imported, so pass it only when the user allowed it; so with
    Lambda layers. Raises ArtifactError when the file is damaged or would run code, BuildError when it is no model that
    tf-keras can train.
    """
    kind = model_kind(path)
    if kind == "tflite":
        raise BuildError(f"{path} cannot be trained further; use post-training variants alone, or give the Keras model")
    custom = import_custom(custom_objects)
    if kind == "saved_model":
        return load_saved_model(path, custom)
    if kind == "keras3":
        return rebuild(load_keras3(path, custom, allow_lambda=allow_lambda), path)
    try_weights(path)
    if path.suffix == ".keras":
        return _load_keras2(path, custom, allow_lambda)
    return load_model(path, custom, allow_lambda=allow_lambda)


def _load_keras2(path: Path, custom: dict[str, Any], allow_lambda: bool) -> Any:
    """Load a .keras file of tf-keras."""

    check_config(read_config(path), path, custom, allow_lambda=allow_lambda)
    keras = load_keras()
    try:
        return keras.saving.load_model(path, custom_objects=custom, compile=False, safe_mode=not allow_lambda)
    except Exception as error:  # Keras raises many kinds, from every layer's own code
        raise ArtifactError(f"{path} cannot be loaded by tf-keras: {first_line(error)}; save it again") from error


def import_custom(module: str | None) -> dict[str, Any]:
    """Return the classes and functions that `module`, "package.module", defines, by name; none for None.

    Raises BuildError when it cannot be imported.
    """
    if module is None:
        return {}
    try:
        loaded = importlib.import_module(module)
    except Exception as error:  # whatever the user's module raises
        raise BuildError(
            f"custom_objects = {module!r} cannot be imported ({first_line(error)}); name a module that Python "
            "finds from here"
        ) from error
    return {
        name: value
        for name, value in vars(loaded).items()
        if callable(value) and getattr(value, "__module__", None) == module
    }


def model_digest(path: Path) -> str:
    """Return the sha256, in hex, of a model: of the file, or of the names and sha256 of a folder's files in order.

    Raises ArtifactError when one cannot be read or is no regular file, or a folder in it is a link.
    """
    try:
        if not path.is_dir():
            return file_sha256(path)
        found = hashlib.sha256()
        for file in sorted(_files(path), key=lambda file: file.relative_to(path).parts):
            found.update(f"{file.relative_to(path).as_posix()}\0{file_sha256(file)}\n".encode())
        return found.hexdigest()
    except OSError as error:
        where = error.filename or path
        raise ArtifactError(f"{where} cannot be read: {error.strerror or error}; give {_SUFFIXES}") from error


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        for link in (Path(root, name) for name in folders if Path(root, name).is_symlink()):
            raise ArtifactError(
                f"{link} is a link to a folder; copy its files there, so that they are part of the model"
            )
        yield from (Path(root, name) for name in names)
