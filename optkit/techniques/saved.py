"""Keras models on disk: HDF5 without optimizer state; loading runs no code that a file brings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from optkit.errors import ArtifactError
from optkit.hdf5 import open_hdf5
from optkit.techniques.selection import channel_selection
from optkit.tensorflow import load_keras, load_tfmot

# A Lambda layer's config holds marshalled Python code, and tf-keras runs it when it loads HDF5.
_CODE_LAYERS = ("Lambda", "TFOpLambda")


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
        layers = sorted({layer for layer in _class_names(config) if layer in _CODE_LAYERS})
        if layers:
            raise ArtifactError(f"{path} holds {layers[0]} layers, which run code on loading; write it without them")
        with tfmot.quantization.keras.quantize_scope(), tfmot.sparsity.keras.prune_scope():
            return keras.models.load_model(path, compile=False)
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        raise ArtifactError(f"{path} is not a Keras .h5 model: {error}; build it again") from error


def _class_names(config: Any) -> list[str]:
    if isinstance(config, list):
        return [name for item in config for name in _class_names(item)]
    if isinstance(config, dict):
        own = [config["class_name"]] if isinstance(config.get("class_name"), str) else []
        return own + [name for item in config.values() for name in _class_names(item)]
    return []
