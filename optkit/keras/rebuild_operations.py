"""Operations between the layers of a Keras 3 model, such as `x + y`, `x / 255` and `ops.relu(x)`, as tf-keras layers.

What has no layer that gives the same stays refused. The outputs of the whole model are compared afterwards, as always.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optkit.keras.tensorflow import load_keras

_MERGING = {"Add": "Add", "Subtract": "Subtract", "Multiply": "Multiply", "Maximum": "Maximum", "Minimum": "Minimum"}
_ACTIVATIONS = {
    "Relu": "relu",
    "Relu6": "relu6",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Silu": "swish",
    "Elu": "elu",
    "Selu": "selu",
    "Exp": "exponential",
    "Softmax": "softmax",
}
_POOLING = {"Mean": "GlobalAveragePooling", "Max": "GlobalMaxPooling"}


def as_layer(operation: Any, node: Mapping[str, Any]) -> tuple[Any, list[Any]] | None:
    """Return a tf-keras layer that does what `operation` does in its call `node`, and what it is called with.

    `node` is an inbound node of a Keras 3 configuration; tensors stand in the result as they do there. None when there
    is no such layer.
    """
    kind, layers = type(operation).__name__, load_keras().layers
    given = [*node["args"], *(value for value in node["kwargs"].values() if value is not None)]
    config = {key: value for key, value in operation.get_config().items() if key != "name"}
    if kind in _ACTIVATIONS and len(given) == 1 and config.get("axis", -1) == -1:
        return _activation(kind, operation.name), given
    if kind == "Concatenate" and len(given) == 1 and isinstance(given[0], (list, tuple)):
        return layers.Concatenate(axis=config["axis"], name=operation.name), [list(given[0])]
    if kind in _POOLING and len(given) == 1 and _is_tensor(given[0]):
        made = _pooling(kind, operation.name, config, rank=len(given[0]["config"]["shape"]))
        return (made, given) if made else None
    if kind == "Negative" and len(given) == 1:
        return layers.Rescaling(-1.0, name=operation.name), given
    return _arithmetic(kind, operation.name, given) if len(given) == 2 else None


def _arithmetic(kind: str, name: str, given: list[Any]) -> tuple[Any, list[Any]] | None:
    """Return the layer for an operation on two tensors, or on a tensor and a number."""
    layers = load_keras().layers
    tensors, numbers = [_is_tensor(one) for one in given], [_is_number(one) for one in given]
    if all(tensors) and kind in _MERGING:
        return getattr(layers, _MERGING[kind])(name=name), [given]
    scaling = None
    if tensors[0] and numbers[1]:
        scaling = _scaling(kind, float(given[1]))
    elif numbers[0] and tensors[1]:
        scaling = _scaling_of_the_second(kind, float(given[0]))
    if scaling is None:
        return None
    return layers.Rescaling(scaling[0], offset=scaling[1], name=name), [given[tensors.index(True)]]


def _activation(kind: str, name: str) -> Any:
    layers = load_keras().layers
    return layers.ReLU(6.0, name=name) if kind == "Relu6" else layers.Activation(_ACTIVATIONS[kind], name=name)


def _pooling(kind: str, name: str, config: Mapping[str, Any], *, rank: int) -> Any:
    """Return the pooling that means, or takes the largest, over all places of channels-last samples."""
    axis = config.get("axis")
    axes = sorted(axis) if isinstance(axis, (list, tuple)) else [axis]
    if rank not in (3, 4, 5) or axes != list(range(1, rank - 1)) or config.get("initial") is not None:
        return None
    layer = getattr(load_keras().layers, f"{_POOLING[kind]}{rank - 2}D")
    return layer(keepdims=bool(config.get("keepdims")), name=name)


def _scaling(kind: str, number: float) -> tuple[float, float] | None:
    """Return scale and offset of what `kind` does to a tensor and then a number; None when it is no such thing."""
    if kind in ("Divide", "TrueDivide") and number:
        return 1 / number, 0.0
    return {"Add": (1.0, number), "Subtract": (1.0, -number), "Multiply": (number, 0.0)}.get(kind)


def _scaling_of_the_second(kind: str, number: float) -> tuple[float, float] | None:
    """Return scale and offset of what `kind` does to a number and then a tensor; None when it is no such thing."""
    return {"Add": (1.0, number), "Subtract": (-1.0, number), "Multiply": (number, 0.0)}.get(kind)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
