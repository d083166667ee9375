"""Look at a user's model without TensorFlow: the input it takes, and what its outputs are.

Of a Keras file only the configuration is read. What it does not say is None.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optkit.errors import ArtifactError
from optkit.files.archives import ArchiveError, read_keras
from optkit.process.children import run
from optkit.tflite.interface import read_interface
from optkit.tflite.outputs import output_kinds

_READER = ("-m", "optkit.keras.config_worker")
_SECONDS = 30.0
_PASSING = ("Activation", "Softmax", "Dropout", "Reshape", "Flatten")
_ACTIVATIONS = {"Softmax": "softmax", "ReLU": "relu"}
Shape = tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was seen: shapes of one sample of the inputs and their dtypes, of the first output, and its activation."""

    inputs: dict[str, Shape]
    dtypes: dict[str, str]
    output: tuple[int, ...] | None
    activation: str | None


def look_at_model(path: Path) -> Look:
    """Look at the .tflite, .keras or .h5 file at `path`. Raises ArtifactError when it cannot be read so."""
    if path.suffix == ".tflite":
        interface = read_interface(path)
        first = interface.outputs[0]
        kind = next(iter(output_kinds(path).values()))
        return Look(
            inputs={spec.name: spec.shape[1:] for spec in interface.inputs},
            dtypes={spec.name: "float32" if spec.quantized else spec.dtype for spec in interface.inputs},
            output=tuple(size or 1 for size in first.shape[1:]),
            activation=None if kind == "other" else kind,
        )
    config = _configuration(path)
    layers = {layer["config"]["name"]: layer for layer in config["config"]["layers"] if isinstance(layer, Mapping)}
    output, activation = _ending(config, layers)
    inputs = dict(_inputs(layers))
    dtypes = {name: _dtype(layers[name]) for name in inputs}
    return Look(inputs=inputs, dtypes=dtypes, output=output, activation=activation)


def _configuration(path: Path) -> dict[str, Any]:
    again = "save the model again, or say the task in the suite file"
    try:
        if path.suffix == ".keras":
            text = read_keras(path)["config.json"].decode()
        elif path.suffix in (".h5", ".hdf5"):
            done = run((*_READER, str(path)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=_SECONDS)
            if done.returncode:
                said = (done.stderr.strip().splitlines() or ["the process that read it crashed"])[-1]
                raise ArtifactError(f"{path} cannot be read: {said}; {again}")
            text = done.stdout
        else:
            raise ArtifactError(f"{path}: nothing can be told of it before it is built; say the task in the suite file")
        found = json.loads(text)
        found["config"]["layers"]
    except FileNotFoundError as error:
        raise ArtifactError(f"there is no model {path}; name a .keras, .h5 or .tflite file, or a folder") from error
    except (OSError, ArchiveError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as error:
        raise ArtifactError(f"{path} is no Keras model that can be read ({error}); {again}") from error
    return dict(found)


def _inputs(layers: Mapping[str, Any]) -> Iterator[tuple[str, Shape]]:
    for name, layer in layers.items():
        shape = layer["config"].get("batch_input_shape") or layer["config"].get("batch_shape")
        if shape:
            yield name, tuple(shape[1:])


def _dtype(layer: Mapping[str, Any]) -> str:
    """Return the dtype of an input; Keras 3 may write a policy for it."""
    found = layer["config"].get("dtype", "float32")
    if isinstance(found, Mapping):
        found = found.get("config", {}).get("name", "float32")
    return found if found in ("int8", "uint8", "int16", "int32", "int64", "float16", "float64", "bool") else "float32"


def _ending(config: Mapping[str, Any], layers: Mapping[str, Any]) -> tuple[tuple[int, ...] | None, str | None]:
    """Return the shape of the first output where a dense layer says it, and the last activation."""
    name = _first_name(config["config"].get("output_layers")) or next(reversed(list(layers)), None)
    activation: str | None = None
    order = list(layers)
    for _ in range(len(layers)):
        layer = layers.get(name or "")
        if layer is None:
            break
        kind, own = layer["class_name"], layer["config"]
        given = own.get("activation") if isinstance(own.get("activation"), str) else None
        if given == "linear" and kind in _PASSING:
            given = None
        activation = activation or _ACTIVATIONS.get(kind) or given
        if kind == "Dense":
            return (int(own["units"]),), activation
        if kind not in _PASSING:
            break
        before = _first_name(layer.get("inbound_nodes"))
        name = before or (order[order.index(str(name)) - 1] if order.index(str(name)) else None)
    return None, activation


def _first_name(value: Any) -> str | None:
    """Return the first layer's name in a reference of Keras 2 (lists) or Keras 3 (`keras_history`)."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return next((name for item in value if (name := _first_name(item))), None)
    if isinstance(value, Mapping):
        if "keras_history" in value:
            return _first_name(value["keras_history"])
        return next((name for key in ("args", "config") if (name := _first_name(value.get(key)))), None)
    return None
