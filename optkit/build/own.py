"""The first stage of the user's own model: read the file, and keep it in the form that later stages start from.

A model that techniques train becomes a tf-keras file. Any other becomes a float .tflite file, from which all
post-training schemes are made. So one conversion is shared, and a user of a .tflite file needs no TensorFlow.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from optkit.convert.from_model import float_tflite
from optkit.errors import BuildError
from optkit.files.functions import check_allowed, is_function, looked_for_in, module_digest
from optkit.keras.own import model_digest, model_kind, open_model
from optkit.models.look import look_at_model
from optkit.spec import OwnModel, Suite, Variant

VERSION = 1
"""Raise it by hand when what is kept of the same file changes."""
REBUILT = 2
"""Of models that are rebuilt from Keras 3. 1 kept dropout and the like from working while techniques train."""
NAMED = 1
"""Of .tflite files of Keras 3. Before, layers had the numbers that tracing gives: `dense_1` for `dense`."""
TFLITE_LIBRARIES = ("ai-edge-litert", "numpy")
"""The libraries that a chain without Keras depends on."""


def is_trained_further(variant: Variant) -> bool:
    """Tell whether the variant starts from the Keras form: it has steps, or is the Keras model itself."""
    return bool(variant.steps) or variant.kind == "keras"


def spec_of(suite: Suite, model: OwnModel, *, as_keras: bool) -> dict[str, Any]:
    """Return what a key says of the user's model: its content, and the form that it is kept in.

    Raises ArtifactError when there is no such model, or it cannot be read.
    """
    found: dict[str, Any] = {
        "version": VERSION,
        "sha256": model_digest(_place(suite, model)),
        "form": "keras" if as_keras else "tflite",
    }
    if model_kind(_place(suite, model)) == "keras3":
        found |= {"rebuilt": REBUILT} if as_keras else {"named": NAMED}
    if custom := _custom_objects(suite, model):
        found["custom_objects"] = {"module": custom, "sha256": module_digest(custom, suite.folder)}
    return found


def read_keras_model(suite: Suite, model: OwnModel) -> Any:
    """Return the user's model as a tf-keras model that can be trained further. Raises as `open_model` does."""
    with looked_for_in(suite.folder):
        return open_model(_place(suite, model), _custom_objects(suite, model))


def read_float_tflite(suite: Suite, model: OwnModel) -> bytes:
    """Return the user's model as a float .tflite file; of a .tflite file, its own bytes."""
    with looked_for_in(suite.folder):
        return float_tflite(_place(suite, model), _custom_objects(suite, model))


def activation_of(suite: Suite, model: OwnModel) -> str | None:
    """Return the activation that the user's Keras model ends in; None when its file does not say."""
    path = _place(suite, model)
    return None if path.is_dir() else look_at_model(path).activation


def _place(suite: Suite, model: OwnModel) -> Path:
    if model.file:
        return Path(model.file)
    if is_function(model.name):
        raise BuildError(
            f"model {model.name} was not called; open the suite with its data (open_suite), which calls it"
        )
    return suite.folder / model.name


def _custom_objects(suite: Suite, model: OwnModel) -> str | None:
    """Return the module of the model's own classes. Raises OptkitError unless its package was allowed."""
    if model.custom_objects:
        check_allowed(f"custom_objects {model.custom_objects}", model.custom_objects, suite.allowed)
    return model.custom_objects or None
