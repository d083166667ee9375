"""Rebuild a Keras 3 model in tf-keras, which the techniques that train need: layer by layer, with its weights.

Law: the rebuilt model gives the same outputs as the one it was made from (1e-5 of the largest), or there is none.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from optkit.errors import BuildError
from optkit.keras.rebuild_check import check_outputs, flat
from optkit.keras.rebuild_operations import as_layer
from optkit.keras.tensorflow import load_keras
from optkit.names import shown

_RENAMED = {"LeakyReLU": {"negative_slope": "alpha"}}
"""Arguments that Keras 3 calls otherwise."""
_BASE = ("name", "dtype", "trainable")
_RECURRENT = ("zero_output_for_mask",)
"""What tf-keras' recurrent layers take without saying so in their signatures."""
_INSTEAD = (
    "techniques that train need it in tf-keras; replace the layer and save the model again, or use post-training "
    "variants alone"
)


def rebuild(source: Any, path: Path) -> Any:
    """Return the Keras 3 model `source`, Functional or Sequential, as a tf-keras model with the same weights.

    `path` is the file it came from, for messages. Raises BuildError, which names the layer, when one cannot be
    carried over or the outputs differ.
    """
    made = _model(source, path)
    _carry_weights(source, made, path)
    check_outputs(source, made, path)
    return made


def _model(source: Any, path: Path) -> Any:
    config = source.get_config()
    if "layers" not in config or not source.built:
        kind = type(source).__name__
        raise BuildError(
            f"{path}: the model {shown(source.name)!r} is a {kind} without layers that can be listed; expected a "
            f"Functional or a built Sequential model: {_INSTEAD}"
        )
    return _sequential(source, path) if _is_sequential(source) else _functional(source, config, path)


def _is_sequential(source: Any) -> bool:
    return any(base.__name__ == "Sequential" for base in type(source).__mro__)


def _is_model(layer: Any) -> bool:
    return any(base.__name__ in ("Functional", "Sequential") for base in type(layer).__mro__)


def _sequential(source: Any, path: Path) -> Any:
    keras = load_keras()
    given = source.inputs[0]
    first = keras.layers.InputLayer(
        input_shape=tuple(given.shape[1:]), batch_size=given.shape[0], dtype=given.dtype, name=given.name
    )
    return keras.Sequential([first, *(_layer(layer, path) for layer in source.layers)], name=source.name)


def _functional(source: Any, config: dict[str, Any], path: Path) -> Any:
    """Make the layers, then call them in the order in which their inputs come to be."""
    keras = load_keras()
    operations = {operation.name: operation for operation in source.operations}
    tensors: dict[tuple[str, int, int], Any] = {}
    waiting: list[_Call] = []
    for entry in config["layers"]:
        name, layer = entry["name"], operations[entry["name"]]
        if entry["class_name"] == "InputLayer":
            shape = layer.batch_shape
            tensors[name, 0, 0] = keras.Input(shape[1:], batch_size=shape[0], dtype=layer.dtype, name=name)
            continue
        if _is_operation(layer):
            waiting += [(*_operation(layer, node, path), name, i, {}) for i, node in enumerate(entry["inbound_nodes"])]
            continue
        made = _layer(layer, path)
        # a Functional model as a layer has a node of its own before it is called
        first = int(any(base.__name__ == "Functional" for base in type(layer).__mro__))
        waiting += [
            (made, node["args"], name, first + i, _named(node["kwargs"]))
            for i, node in enumerate(entry["inbound_nodes"])
        ]
    while waiting:
        ready = [call for call in waiting if all(key in tensors for key in _keys([call[1], call[4]]))]
        if not ready:
            raise BuildError(f"{path}: the layer {shown(waiting[0][2])!r} has inputs that nothing makes; save it again")
        for made, given, name, number, more in ready:
            arguments, options = _filled(given, tensors), _filled(more, tensors)
            try:
                found = made(*arguments, **options)
            except (TypeError, ValueError) as error:
                raise _refusal(path, name, made, str(error)) from error
            for i, tensor in enumerate(flat(found)):
                tensors[name, number, i] = tensor
        waiting = [call for call in waiting if call not in ready]
    return keras.Model(
        _ends(config["input_layers"], tensors), _ends(config["output_layers"], tensors), name=source.name
    )


_Call = tuple[Any, Any, str, int, dict[str, Any]]
"""A layer, what it is called with, its name, which of its calls it is, and the named arguments."""


def _named(given: dict[str, Any]) -> dict[str, Any]:
    """Return the named arguments of a call without those that say nothing.

    Keras 3 saves `training` as it was when the layer was called to make the model. It says nothing of later calls:
    those of the model decide.
    """
    return {name: value for name, value in given.items() if value is not None and name != "training"}


def _is_operation(layer: Any) -> bool:
    return type(layer).__module__.startswith("keras.") and ".ops." in type(layer).__module__


def _operation(operation: Any, node: dict[str, Any], path: Path) -> tuple[Any, Any]:
    """Return the layer that stands for an operation, and what it is called with. Raises BuildError for none."""
    found = as_layer(operation, node)
    if found is None:
        raise _refusal(path, operation.name, operation, "it is an operation, not a layer")
    return found


def _is_tensor(value: Any) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def _key(value: Any) -> tuple[str, int, int]:
    name, node, index = value["config"]["keras_history"]
    return str(name), int(node), int(index)


def _keys(value: Any) -> Iterator[tuple[str, int, int]]:
    """Yield the tensors that a call's arguments refer to."""
    if _is_tensor(value):
        yield _key(value)
    elif isinstance(value, (list, tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _keys(item)


def _filled(value: Any, tensors: dict[tuple[str, int, int], Any]) -> Any:
    if _is_tensor(value):
        return tensors[_key(value)]
    if isinstance(value, (list, tuple)):
        return [_filled(item, tensors) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, tensors) for key, item in value.items()}
    return value


def _ends(value: Any, tensors: dict[tuple[str, int, int], Any]) -> Any:
    """Return inputs or outputs as they are nested in the configuration: lists, dicts, and [name, node, index]."""
    if isinstance(value, dict):
        return {key: _ends(item, tensors) for key, item in value.items()}
    if len(value) == 3 and isinstance(value[0], str):
        return tensors[value[0], int(value[1]), int(value[2])]
    return [_ends(item, tensors) for item in value]


def _layer(layer: Any, path: Path) -> Any:
    """Return the tf-keras layer of the same class and options, without weights."""
    if _is_model(layer):
        return _model(layer, path)
    name, module = type(layer).__name__, type(layer).__module__
    if not module.startswith("keras."):
        raise _refusal(path, layer.name, layer, f"it is of the module {module}, not one of Keras' own layers")
    if ".layers." not in module:
        raise _refusal(path, layer.name, layer, "it is an operation, not a layer")
    own = getattr(load_keras().layers, name, None)
    if own is None:
        raise _refusal(path, layer.name, layer, f"tf-keras has no layer {name}")
    options = _options(layer, own, path)
    try:
        return own(**options)
    except (TypeError, ValueError, KeyError) as error:
        raise _refusal(path, layer.name, layer, str(error)) from error


def _options(layer: Any, own: Any, path: Path) -> dict[str, Any]:
    """Return the layer's options as tf-keras takes them; what tf-keras does not know must be at its default."""
    recurrent = _RECURRENT if any(base.__name__ == "RNN" for base in own.__mro__) else ()
    known, plain = {*_BASE, *recurrent, *_arguments(own)}, _arguments(type(layer))
    found = {}
    for key, value in layer.get_config().items():
        name = _RENAMED.get(type(layer).__name__, {}).get(key, key)
        inner = _inner(layer, key) if isinstance(value, dict) else None
        if name in known:
            found[name] = _layer(inner, path) if inner is not None else _translated(value)
        elif value and key != "seed" and not _is_plain(key, value, plain):
            what = f"tf-keras' {own.__name__} has no {key}, which is {shown(str(value))}"
            raise _refusal(path, layer.name, layer, what)
    return found


def _is_plain(key: str, value: Any, plain: dict[str, Any]) -> bool:
    """Tell whether an option that tf-keras has not is what tf-keras does anyway."""
    if key == "data_format":
        return bool(value == "channels_last")
    listed = [list(one) if isinstance(one, (list, tuple)) else one for one in (plain.get(key), value)]
    return key in plain and bool(listed[0] == listed[1])


def _inner(layer: Any, key: str) -> Any:
    """Return the layer that `layer` wraps under this key of its configuration; None when it is something else."""
    found = getattr(layer, "forward_layer", None) if key == "layer" else None
    found = getattr(layer, key, None) if found is None else found
    return found if hasattr(found, "get_config") and hasattr(found, "weights") else None


def _arguments(kind: type) -> dict[str, Any]:
    """Return the arguments of a class and of what it is derived from, with their defaults."""
    return {
        name: parameter.default
        for base in reversed(kind.__mro__)
        if "__init__" in vars(base)
        for name, parameter in inspect.signature(vars(base)["__init__"]).parameters.items()
    }


def _translated(value: Any) -> Any:
    """Return a value of a Keras 3 configuration in the form of Keras 2: class name and config, a policy's name."""
    if isinstance(value, (list, tuple)):
        return [_translated(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind, config = value.get("class_name"), value.get("config", {})
    if kind == "DTypePolicy":
        return config["name"]
    if kind == "SeedGenerator":
        return None
    if kind == "function":
        return config
    if kind is None or not isinstance(config, dict):
        return {key: _translated(item) for key, item in value.items()}
    # an initializer of Keras 3 may have arguments that it leaves at None and tf-keras has not
    return {"class_name": kind, "config": {key: _translated(item) for key, item in config.items() if item is not None}}


def _carry_weights(source: Any, made: Any, path: Path) -> None:
    for layer in source.layers:
        if not layer.weights:
            continue
        twin = made.get_layer(layer.name)
        if _is_model(layer):
            _carry_weights(layer, twin, path)
            continue
        values = layer.get_weights()
        if type(layer).__name__ == "Normalization":
            values.append(np.zeros((), np.int64))  # how many batches tf-keras has seen: only adapt() asks
        shapes, expected = [value.shape for value in values], [tuple(weight.shape) for weight in twin.weights]
        if shapes != expected:
            raise _refusal(path, layer.name, layer, f"its weights have shapes {shapes}, tf-keras' {expected}")
        twin.set_weights(values)
        if hasattr(twin, "finalize_state"):
            twin.finalize_state()


def _refusal(path: Path, name: str, layer: Any, why: str) -> BuildError:
    line = shown(why.strip().splitlines()[0][:200]) if why.strip() else "unknown"
    return BuildError(
        f"{path}: the layer {shown(name)!r} ({type(layer).__name__}) cannot be carried over from Keras 3: {line}; "
        f"{_INSTEAD}"
    )
