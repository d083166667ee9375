"""Take from each bias what the rounding of the weights adds to the layer's outputs on average.

Nagel et al. 2019 (arXiv:1906.04721), section 4.2: the expected error of a layer's outputs is (W' - W) E[x], with E[x]
the mean of its inputs; here that of the calibration samples, by input channel.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from optkit.convert.activations import Feeds, means
from optkit.tflite.flatbuffer import WEIGHT_INPUT, parse_flatbuffer
from optkit.tflite.view import Node, View, write_floats

Floats = npt.NDArray[np.float64]


def corrected(plain: bytes, quantized: bytes, samples: Feeds) -> bytes:
    """Return the float .tflite file `plain` with biases that make up for the weights of `quantized`, made from it.

    `samples` as `activations.activation_ranges` takes them. Quantize what is returned in the same way: the weights are
    the same, so they come out the same.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    model = parse_flatbuffer(plain)
    first, second = View(model), View(parse_flatbuffer(quantized))
    layers = [[node for node in view.nodes if _has_both(node)] for view in (first, second)]
    if len(layers[0]) != len(layers[1]):
        return plain
    pairs = [(a, b) for a, b in zip(*layers, strict=True) if a.kind == b.kind and a.inputs]
    average = means(plain, sorted({a.inputs[0] for a, _ in pairs}), samples)
    for a, b in pairs:
        position = WEIGHT_INPUT[a.kind]
        change = second.values(b.constants[position]).astype(np.float64) - first.values(a.constants[position])
        expected = average.get(a.inputs[0])
        assert a.bias is not None
        bias = a.constants[a.bias]
        if expected is None or not change.any() or (shift := _shift(a.kind, change, expected)) is None:
            continue
        tensor = first.tensors[bias]
        values = first.values(bias)
        if values.shape == shift.shape:
            write_floats(model, tensor, values - shift)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _has_both(node: Node) -> bool:
    return node.kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED") and {1, 2} <= set(node.constants)


def _shift(kind: str, change: Floats, expected: Floats) -> Floats | None:
    """Return the mean error of each output channel; None when shapes do not go together."""
    if kind == "DEPTHWISE_CONV_2D":
        repeats = change.shape[-1] // max(1, len(expected))
        if change.shape[-1] != len(expected) * repeats:
            return None
        return np.asarray(change.sum(axis=(0, 1, 2)) * np.repeat(expected, repeats))
    rows = change.reshape(change.shape[0], -1, change.shape[-1]).sum(axis=1)
    return np.asarray(rows @ expected) if rows.shape[1] == len(expected) else None
