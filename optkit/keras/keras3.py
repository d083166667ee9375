"""Keras 3 files: which they are, and how they are loaded beside tf-keras without running code that they bring.

Keras 3 (`import keras`) and tf-keras (Keras 2) stand in one process; `TF_USE_LEGACY_KERAS`, which
`optkit.keras.tensorflow` sets, says only what `tf.keras` is.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optkit.errors import ArtifactError, BuildError, first_line
from optkit.files.archives import ArchiveError, read_keras
from optkit.files.hdf5 import open_hdf5
from optkit.keras.files import check_config
from optkit.keras.tensorflow import load_tensorflow
from optkit.keras.weights import try_weights
from optkit.names import shown


def keras_version(path: Path) -> int:
    """Return the major version of the Keras that saved the .keras or .h5 file at `path`: 2 or 3.

    Raises ArtifactError when the file cannot be read or does not say it.
    """
    try:
        if path.suffix == ".keras":
            text = json.loads(read_keras(path)["metadata.json"])["keras_version"]
        else:
            with open_hdf5(path) as file:
                text = file.attrs["keras_version"] if "keras_version" in file.attrs else "2"
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ArchiveError) as error:
        raise ArtifactError(
            f"{path} is not a Keras model: {first_line(error)}; save it again with model.save()"
        ) from error
    text = text.decode() if isinstance(text, bytes) else str(text)
    major = text.split(".")[0]
    if major not in ("1", "2", "3"):
        raise ArtifactError(
            f"{path} was saved by Keras {shown(text)}; versions 2 and 3 are read: save it with one of them"
        )
    return 3 if major == "3" else 2


def read_config(path: Path) -> Any:
    """Return the configuration in a .keras or .h5 file, as JSON types. Raises ArtifactError."""
    try:
        if path.suffix == ".keras":
            return json.loads(read_keras(path)["config.json"])
        with open_hdf5(path) as file:
            return json.loads(file.attrs["model_config"])
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ArchiveError) as error:
        raise ArtifactError(
            f"{path} is not a Keras model: {first_line(error)}; save it again with model.save()"
        ) from error


def load_keras3(path: Path, custom_objects: Mapping[str, Any] | None = None, *, allow_lambda: bool = False) -> Any:
    """Return the Keras 3 model in the .keras or .h5 file at `path`, not compiled.

    Its configuration is checked, and its values are read in a process of their own, before Keras sees them. Raises
    ArtifactError when the file is damaged, holds a layer that carries code (Lambda layers unless they are allowed), or
    one that Keras does not know; BuildError when Keras 3 cannot be used here.
    """
    check_config(read_config(path), path, custom_objects, allow_lambda=allow_lambda)
    try_weights(path)
    keras = load_own_keras()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return keras.saving.load_model(
                path, custom_objects=dict(custom_objects or {}), compile=False, safe_mode=not allow_lambda
            )
    except Exception as error:  # Keras raises many kinds, from every layer's own code
        raise ArtifactError(f"{path} cannot be loaded by Keras {keras.__version__}: {first_line(error)}") from error


def load_own_keras() -> Any:
    """Return the `keras` module, Keras 3 on TensorFlow. Raises BuildError when there is none."""
    load_tensorflow()
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "tensorflow"  # the converter knows no other
    try:
        import keras
    except ImportError as error:
        raise BuildError(f"Keras 3 cannot be imported ({error}); pip install 'optkit[train]'") from error
    if not keras.__version__.startswith("3."):
        raise BuildError(f"Keras here is {keras.__version__}, and the model was saved by Keras 3; pip install keras>=3")
    if (backend := keras.backend.backend()) != "tensorflow":
        raise BuildError(f"Keras runs on {backend} in this process; it has to be TensorFlow: start another process")
    return keras
