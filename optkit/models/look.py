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

from optkit.errors import ArtifactError, nearest
from optkit.files.archives import ArchiveError, read_keras
from optkit.names import shown
from optkit.process.children import own_code, run
from optkit.tflite.interface import read_interface
from optkit.tflite.outputs import output_kinds

_READER = "optkit.keras.config_worker"
_SECONDS = 30.0
_PASSING = ("Activation", "Softmax", "Dropout", "Reshape", "Flatten")
_ACTIVATIONS = {"Softmax": "softmax", "ReLU": "relu"}
Shape = tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was seen: shapes of one sample of the inputs and their dtypes, of the output, and its activation.

    `outputs` are the names of the outputs; empty when they are not known, as of a Sequential model, which has one.
    `kinds` are the classes of a Keras model's layers.
    """

    inputs: dict[str, Shape]
    dtypes: dict[str, str]
    output: tuple[int, ...] | None
    activation: str | None
    outputs: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()


def look_at_model(path: Path, output: str = "") -> Look:
    """Look at the .tflite, .keras or .h5 file at `path`; of several outputs at the one called `output`, or the first.

    Raises ArtifactError when it cannot be read so, or has no such output.
    """
    if path.suffix == ".tflite":
        interface = read_interface(path)
        names = tuple(spec.name for spec in interface.outputs)
        place = names.index(chosen_output(names, output, path)) if output else 0
        first, kind = interface.outputs[place], list(output_kinds(path).values())[place]
        return Look(
            inputs={spec.name: spec.shape[1:] for spec in interface.inputs},
            dtypes={spec.name: "float32" if spec.quantized else spec.dtype for spec in interface.inputs},
            output=tuple(size or 1 for size in first.shape[1:]),
            activation=None if kind == "other" else kind,
            outputs=names,
        )
    config = _configuration(path)
    layers = {layer["config"]["name"]: layer for layer in config["config"]["layers"] if isinstance(layer, Mapping)}
    ends = _ends(config["config"].get("output_layers"))
    last = ends[chosen_output(tuple(ends), output, path)] if output and ends else next(iter(ends.values()), None)
    shape, activation = _ending(layers, last)
    inputs = dict(_inputs(layers))
    dtypes = {name: _dtype(layers[name]) for name in inputs}
    return Look(
        inputs=inputs,
        dtypes=dtypes,
        output=shape,
        activation=activation,
        outputs=tuple(ends),
        kinds=frozenset(_kinds(config)),
    )


_OTHERS = {
    ".onnx": "an ONNX file: onnx2tf makes a .tflite of it (docs/pytorch.md)",
    **dict.fromkeys((".pt", ".pth", ".pt2"), "of PyTorch: litert-torch makes a .tflite of a model (docs/pytorch.md)"),
    ".safetensors": "weights without a model: build the model with them and convert that",
    ".pb": "one file of a SavedModel: name its folder",
    ".mlmodel": "of Core ML: convert the model that it was made from",
}
"""Files of others that a user may bring, and what to do with them."""


def _no_model(path: Path) -> str:
    if not path.exists():
        return f"there is no model {path}; name a .keras, .h5 or .tflite file, a SavedModel folder or a function"
    if other := _OTHERS.get(path.suffix.lower()):
        return f"{path} is {other}"
    return (
        f"{path}: its ending {path.suffix!r} is that of no model that can be read; give a .keras, .h5 or .tflite file, "
        "a SavedModel folder, or package.module:function"
    )


def chosen_output(names: tuple[str, ...], output: str, path: Path | str) -> str:
    """Return `output`, which must be one of `names`. Raises ArtifactError, naming the nearest."""
    if output not in names:
        raise ArtifactError(f"output is {output!r}, and {path} has no such output; {nearest(output, names)}")
    return output


def _ends(value: Any) -> dict[str, str]:
    """Return the layer that each output comes from, by the output's name; empty when the configuration names none."""
    if isinstance(value, Mapping):
        found = {str(key): _first_name(item) for key, item in value.items()}
    elif isinstance(value, list) and value and isinstance(value[0], str):
        found = {value[0]: value[0]}
    else:
        found = {str(name): name for name in map(_first_name, value or ())}
    return {name: layer for name, layer in found.items() if layer}


def _configuration(path: Path) -> dict[str, Any]:
    again = "save the model again"
    try:
        if path.suffix == ".keras":
            text = read_keras(path)["config.json"].decode()
        elif path.suffix in (".h5", ".hdf5"):
            done = run(own_code(_READER, str(path)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=_SECONDS)
            if done.returncode:
                said = (done.stderr.strip().splitlines() or ["the process that read it crashed"])[-1]
                raise ArtifactError(f"{path} cannot be read: {said}; {again}")
            text = done.stdout
        else:
            raise ArtifactError(_no_model(path))
        found = json.loads(text)
        if "layers" not in found["config"]:
            raise ArtifactError(
                f"{path} is a model of a class of yours ({shown(str(found.get('class_name')))}), and does not say what "
                "is in it; export it as a SavedModel folder, model.export(FOLDER), and give that with --task"
            )
    except FileNotFoundError as error:
        raise ArtifactError(f"there is no model {path}; name a .keras, .h5 or .tflite file, or a folder") from error
    except (OSError, ArchiveError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as error:
        raise ArtifactError(f"{path} is no Keras model that can be read ({error}); {again}") from error
    return dict(found)


def _kinds(config: Any) -> Iterator[str]:
    """Yield the classes that a configuration names: of layers, of what they wrap, and of models as layers."""
    if isinstance(config, Mapping):
        if isinstance(kind := config.get("class_name"), str):
            yield kind.rsplit(">")[-1]
        config = list(config.values())
    if isinstance(config, list):
        for item in config:
            yield from _kinds(item)


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


def _ending(layers: Mapping[str, Any], last: str | None) -> tuple[tuple[int, ...] | None, str | None]:
    """Return the shape of an output where a dense layer says it, and the last activation."""
    name = last or next(reversed(list(layers)), None)
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
