"""How many multiply-adds an operator does, from its shapes.

Counted are products that are added up: convolutions, dense layers, products of matrices, recurrent cells. All other
operators count none, whatever they compute. A free size counts as one.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Shapes = Sequence[tuple[int, ...] | None]
_LSTM = (*range(1, 9), 16)
"""Which inputs of a sequence LSTM are matrices: of the input, of what it remembers, of the projection."""


def multiply_adds(kind: str, inputs: Shapes, outputs: Shapes, options: Mapping[str, Any]) -> int | None:
    """Return the multiply-adds of an operator of `kind`; None when its shapes do not tell.

    `inputs` and `outputs` are shapes in the operator's order, None for an input that is not given. Weights have the
    layout of TensorFlow Lite: a convolution's are (outputs, height, width, inputs), a depthwise one's (1, height,
    width, channels), a dense layer's (outputs, inputs).
    """
    rule = _RULES.get(kind)
    if rule is None:
        return 0
    try:
        return int(rule(inputs, outputs, options))
    except (IndexError, TypeError, ValueError):
        return None


def _size(shape: Sequence[int] | None) -> int:
    if shape is None:
        raise ValueError("no shape")
    return math.prod(abs(size) for size in shape)


def _rank(shape: Sequence[int] | None, rank: int) -> Sequence[int]:
    if shape is None or len(shape) != rank:
        raise ValueError("not the rank that its operator has")
    return [abs(size) for size in shape]


def _conv(inputs: Shapes, outputs: Shapes, options: Mapping[str, Any]) -> int:
    _, height, width, channels = _rank(inputs[1], 4)
    return _size(outputs[0]) * height * width * channels


def _depthwise(inputs: Shapes, outputs: Shapes, options: Mapping[str, Any]) -> int:
    _, height, width, _ = _rank(inputs[1], 4)
    return _size(outputs[0]) * height * width


def _transposed(inputs: Shapes, outputs: Shapes, options: Mapping[str, Any]) -> int:
    made, height, width, _ = _rank(inputs[1], 4)
    return _size(inputs[2]) * height * width * made


def _conv_3d(inputs: Shapes, outputs: Shapes, options: Mapping[str, Any]) -> int:
    depth, height, width, channels, _ = _rank(inputs[1], 5)
    return _size(outputs[0]) * depth * height * width * channels


def _dense(inputs: Shapes, outputs: Shapes, options: Mapping[str, Any]) -> int:
    return _size(outputs[0]) * _rank(inputs[1], 2)[1]


def _matmul(inputs: Shapes, outputs: Shapes, options: Mapping[str, Any]) -> int:
    left = inputs[0]
    if left is None or len(left) < 2:
        raise ValueError("not a matrix")
    return _size(outputs[0]) * abs(left[-2 if options.get("adjX") else -1])


def _recurrent(inputs: Shapes, outputs: Shapes, options: Mapping[str, Any], places: Sequence[int] = ()) -> int:
    """Each step multiplies by all matrices; a sequence has as many steps as its input has rows, batch included."""
    given = inputs[0]
    if given is None:
        raise ValueError("no input")
    matrices = [inputs[place] for place in places if place < len(inputs)]
    return sum(_size(shape) for shape in matrices if shape) * math.prod(abs(size) for size in given[:-1])


def _cell(inputs: Shapes, outputs: Shapes, options: Mapping[str, Any]) -> int:
    """The basic LSTM has one matrix of weights, its third input, for what comes in and what it remembers."""
    given = inputs[0]
    if given is None:
        raise ValueError("no input")
    if len(inputs) == 5:
        return _size(_rank(inputs[2], 2)) * abs(given[0])
    return _recurrent(inputs, outputs, options, _LSTM)


_RULES: dict[str, Callable[[Shapes, Shapes, Mapping[str, Any]], int]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "TRANSPOSE_CONV": _transposed,
    "CONV_3D": _conv_3d,
    "FULLY_CONNECTED": _dense,
    "BATCH_MATMUL": _matmul,
    "LSTM": _cell,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": functools.partial(_recurrent, places=_LSTM),
    "BIDIRECTIONAL_SEQUENCE_LSTM": functools.partial(_recurrent, places=(*_LSTM, *(17 + place for place in _LSTM))),
    "RNN": functools.partial(_recurrent, places=(1, 2)),
    "UNIDIRECTIONAL_SEQUENCE_RNN": functools.partial(_recurrent, places=(1, 2)),
    "BIDIRECTIONAL_SEQUENCE_RNN": functools.partial(_recurrent, places=(1, 2, 4, 5)),
    "SVDF": functools.partial(_recurrent, places=(1, 2)),
}
