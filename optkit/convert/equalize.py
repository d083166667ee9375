"""Bring the channels between two layers to one scale: what one layer is divided by, the next is multiplied by.

Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction" (arXiv:1906.04721), section
4.1. Between the two layers nothing may stand but what such a factor passes: no activation function, or a ReLU, and
pooling or padding. Batch normalization that stands by itself (a product and a sum) counts as a first layer, too.

Law: the outputs of the float file stay the same, to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from optkit.tflite.flatbuffer import WEIGHT_INPUT, parse_flatbuffer, tensor_type
from optkit.tflite.view import Node, View, write_floats

Floats = npt.NDArray[np.float64]
_LINEAR = (0, 1)
"""Fused activation functions that a positive factor passes: none and ReLU."""
_PASSED = ("RELU", "MAX_POOL_2D", "AVERAGE_POOL_2D", "PAD", "MEAN", "RESHAPE")
_OUTPUT_AXIS = {"CONV_2D": 0, "FULLY_CONNECTED": 0, "DEPTHWISE_CONV_2D": 3}
_INPUT_AXIS = {"CONV_2D": 3, "FULLY_CONNECTED": 1, "DEPTHWISE_CONV_2D": 3}
_ROUNDS = 10
_MOST = 1e4
"""The largest factor. Channels that need more are nearly dead."""


@dataclass(frozen=True)
class Pair:
    """The constant tensors of two layers, each with the axis of the channels between them."""

    divided: tuple[tuple[int, int], ...]
    sized: int
    """How many of `divided`, from the first, say how large its channels are: a bias does not."""
    multiplied: tuple[int, int]


def equalized(data: bytes) -> bytes:
    """Return the float .tflite file `data` with equalized channels; the same bytes where no two layers allow it."""
    from ai_edge_litert.tools import flatbuffer_utils

    model = parse_flatbuffer(data)
    view = View(model)
    pairs = find_pairs(view)
    if not pairs:
        return data
    used = {index for pair in pairs for index, _ in (*pair.divided, pair.multiplied)}
    values = {index: view.values(index).astype(np.float64) for index in used}
    for _ in range(_ROUNDS):
        moved = max(float(np.abs(np.log(_balance(pair, values))).max()) for pair in pairs)
        if moved < 1e-3:
            break
    for index, array in values.items():
        write_floats(model, view.tensors[index], array)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _balance(pair: Pair, values: dict[int, Floats]) -> Floats:
    """Scale both layers of a pair in place, and return the factors (channels,)."""
    sizes = [_largest(values[index], axis) for index, axis in pair.divided[: pair.sized]]
    first = np.sum(sizes, axis=0)
    second = _largest(values[pair.multiplied[0]], pair.multiplied[1])
    alive = (first > 0) & (second > 0)
    wanted = np.where(alive, np.sqrt(first / np.where(alive, second, 1.0)), 1.0)
    factors: Floats = np.clip(wanted / np.exp(np.mean(np.log(wanted))), 1 / _MOST, _MOST)
    for index, axis in pair.divided:
        values[index] = values[index] / _along(factors, values[index].ndim, axis)
    index, axis = pair.multiplied
    values[index] = values[index] * _along(factors, values[index].ndim, axis)
    return factors


def _largest(array: Floats, axis: int) -> Floats:
    found: Floats = np.abs(np.moveaxis(array, axis, 0)).reshape(array.shape[axis], -1).max(axis=1)
    return found


def _along(factors: Floats, rank: int, axis: int) -> Floats:
    shape = [1] * rank
    shape[axis] = len(factors)
    found: Floats = factors.reshape(shape)
    return found


def find_pairs(view: View) -> list[Pair]:
    """Return the pairs of layers of a network between which a factor a channel can be moved."""
    readers: dict[int, list[Node]] = {}
    owners: dict[int, int] = {}
    for node in view.nodes:
        for index in set(node.inputs):
            readers.setdefault(index, []).append(node)
        for index in node.constants.values():
            owners[index] = owners.get(index, 0) + 1
    makers = {index: node for node in view.nodes for index in node.outputs}
    found = []
    for node in view.nodes:
        divided = _divided(view, node, makers, readers)
        if not divided or node.activation not in _LINEAR:
            continue
        channels = view.values(divided[0][0]).shape[divided[0][1]]
        multiplied = _multiplied(view, node, readers, channels)
        parts = [*divided, *([multiplied] if multiplied else [])]
        if multiplied and all(owners[index] == 1 and _is_float(view, index) for index, _ in parts):
            found.append(Pair(tuple(divided), 2 if node.kind == "ADD" else 1, multiplied))
    return found


def _is_float(view: View, index: int) -> bool:
    return tensor_type(view.tensors[index]) == "float32"


def _divided(view: View, node: Node, makers: dict[int, Node], readers: dict[int, list[Node]]) -> list[tuple[int, int]]:
    """Return what of a first layer is divided: weights and bias, or product and sum; empty when it is no such layer."""
    if node.kind in _OUTPUT_AXIS and WEIGHT_INPUT[node.kind] in node.constants:
        bias = [(node.constants[node.bias], 0)] if node.bias is not None else []
        return [(node.constants[WEIGHT_INPUT[node.kind]], _OUTPUT_AXIS[node.kind]), *bias]
    if node.kind != "ADD" or len(node.inputs) != 1 or len(node.constants) != 1:
        return []
    before = makers.get(node.inputs[0])
    if before is None or before.kind != "MUL" or before.activation or len(before.constants) != 1:
        return []
    if len(readers.get(node.inputs[0], [])) != 1 or node.inputs[0] in view.outputs:
        return []
    both = [next(iter(before.constants.values())), next(iter(node.constants.values()))]
    width = view.shape(node.outputs[0])[-1:]
    if any(view.shape(index)[-1:] != width or view.values(index).size != width[0] for index in both):
        return []
    return [(index, len(view.shape(index)) - 1) for index in both]


def _multiplied(view: View, node: Node, readers: dict[int, list[Node]], channels: int) -> tuple[int, int] | None:
    """Return the weights of the layer that alone reads what `node` makes, and their axis of these channels."""
    index = node.outputs[0]
    while True:
        others = readers.get(index, [])
        if index in view.outputs or len(others) != 1:
            return None
        [reader] = others
        if reader.kind in _INPUT_AXIS:
            break
        if reader.kind not in _PASSED or reader.activation not in _LINEAR or not _keeps(view, reader, index, channels):
            return None
        index = reader.outputs[0]
    weights = reader.constants.get(WEIGHT_INPUT[reader.kind])
    if weights is None or reader.inputs != (index,):
        return None
    axis = _INPUT_AXIS[reader.kind]
    return (weights, axis) if view.shape(weights)[axis] == channels == view.shape(index)[-1] else None


def _keeps(view: View, node: Node, index: int, channels: int) -> bool:
    """Tell whether a node that is passed keeps the channels where they are: on the last axis."""
    if node.kind == "RESHAPE" and int(np.prod(view.shape(index)[1:])) != channels:
        return False
    return view.shape(node.outputs[0])[-1:] == (channels,)
