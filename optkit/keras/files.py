"""Keras models on disk: HDF5 without optimizer state; loading runs no code that a file brings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from optkit.errors import ArtifactError
from optkit.files.hdf5 import open_hdf5
from optkit.keras.selection import channel_selection
from optkit.keras.tensorflow import load_keras, load_tfmot

# A Lambda layer's config holds marshalled Python code. The others call what their config names, any operation of
# TensorFlow's, or read the vocabulary file, the SavedModel or the pickle that it names. tf-keras does so when it loads
# HDF5.
_LAMBDAS = ("Lambda", "__lambda__")
_CODE_LAYERS = (
    *_LAMBDAS,
    "TFSMLayer",
    "TorchModuleWrapper",
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


def load_model(path: Path, custom_objects: Mapping[str, Any] | None = None, *, allow_lambda: bool = False) -> Any:
    """Load the .h5 file at `path`, with the layers that optkit's and tfmot's techniques add, and `custom_objects`.

    Raises ArtifactError when the file is damaged, takes values from other files, or holds a layer that
    carries code (Lambda layers unless they are allowed).
    """
    keras, tfmot = load_keras(), load_tfmot()
    channel_selection()  # registers the layer with Keras
    custom = dict(custom_objects or {})
    try:
        with open_hdf5(path) as file:
            if "model_config" not in file.attrs:
                raise ArtifactError(f"{path} holds weights without a model; save the whole model with model.save()")
            config = json.loads(file.attrs["model_config"])
        check_config(config, path, custom, allow_lambda=allow_lambda)
        with tfmot.quantization.keras.quantize_scope(), tfmot.sparsity.keras.prune_scope():
            return keras.models.load_model(path, custom_objects=custom, compile=False)
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        raise ArtifactError(f"{path} is not a Keras .h5 model: {error}; build it again") from error


def check_config(
    config: Any, path: Path, custom_objects: Mapping[str, Any] | None = None, *, allow_lambda: bool = False
) -> None:
    """Refuse a configuration of JSON types that would make Keras run code, import a module or read another file.

    Classes of `custom_objects` are taken from there. Raises ArtifactError, which names the layer's class.
    """
    for name, module in _classes(config):
        if name in _CODE_LAYERS and not (allow_lambda and name in _LAMBDAS):
            raise ArtifactError(f"{path} holds {name} layers, which run code on loading; write it without them")
        if module.split(".")[0] not in _MODULES and name not in (custom_objects or {}):
            raise ArtifactError(
                f"{path} holds {name!r} of the module {module!r}; only Keras' own layers are loaded, and those of a "
                f'module that you name, such as custom_objects = "{module}"'
            )


def _classes(config: Any) -> Iterator[tuple[str, str]]:
    """Yield each class that a configuration names, without its package, and the module that it is to come from."""
    if isinstance(config, list):
        for item in config:
            yield from _classes(item)
    elif isinstance(config, dict):
        if isinstance(name := config.get("class_name"), str):
            module, named = config.get("module"), config.get("config")
            name = named if name == "function" and isinstance(named, str) else name
            yield name.rsplit(">")[-1].rsplit(".")[-1], module if isinstance(module, str) else "keras"
        for item in config.values():
            yield from _classes(item)
