"""Keras models on disk: HDF5 without optimizer state; loading runs no code that a file brings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optkit.errors import ArtifactError
from optkit.files.hdf5 import open_hdf5
from optkit.keras.selection import channel_selection
from optkit.keras.tensorflow import load_keras, load_tfmot

# A Lambda layer's config holds marshalled Python code. The others call what their config names, any operation of
# TensorFlow's, or read the vocabulary file that it names. tf-keras does so when it loads HDF5.
_CODE_LAYERS = (
    "Lambda",
    "__lambda__",
    "TFOpLambda",
    "SlicingOpLambda",
    "ClassMethod",
    "InstanceMethod",
    "InstanceProperty",
    "StringLookup",
    "IntegerLookup",
    "TextVectorization",
)
_MODULES = ("builtins", "keras", "tf_keras", "tensorflow_model_optimization", "optkit")
"""The packages that a configuration may name classes of: Keras imports the module that it names."""


def save_model(model: Any, path: Path) -> None:
    """Write `model`, without optimizer state, to the .h5 file at `path`."""
    model.save(path, include_optimizer=False, save_format="h5")


def load_model(path: Path) -> Any:
    """Load the .h5 file at `path`, with the layers that optkit's and tfmot's techniques add.

    Raises ArtifactError when the file is damaged, takes values from other files, or holds a layer that
    carries code.
    """
    keras, tfmot = load_keras(), load_tfmot()
    channel_selection()  # registers the layer with Keras
    try:
        with open_hdf5(path) as file:
            config = json.loads(file.attrs["model_config"])
        for name, module in _classes(config):
            if name in _CODE_LAYERS:
                raise ArtifactError(f"{path} holds {name} layers, which run code on loading; write it without them")
            if module.split(".")[0] not in _MODULES:
                raise ArtifactError(
                    f"{path} holds {name!r} of the module {module!r}; only Keras' own layers are loaded"
                )
        with tfmot.quantization.keras.quantize_scope(), tfmot.sparsity.keras.prune_scope():
            return keras.models.load_model(path, compile=False)
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        raise ArtifactError(f"{path} is not a Keras .h5 model: {error}; build it again") from error


def _classes(config: Any) -> Iterator[tuple[str, str]]:
    """Yield each class that a configuration names, without its package, and the module that it is to come from."""
    if isinstance(config, list):
        for item in config:
            yield from _classes(item)
    elif isinstance(config, dict):
        if isinstance(name := config.get("class_name"), str):
            module = config.get("module")
            yield name.rsplit(">")[-1].rsplit(".")[-1], module if isinstance(module, str) else "keras"
        for item in config.values():
            yield from _classes(item)
