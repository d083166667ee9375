"""Take out of the biases what rounded weights add to the mean outputs of their layers.

Nagel et al. 2019, "Data-free quantization through weight equalization and bias correction" (arXiv:1906.04721), section
4.2: E[y'] = E[y] + E[e x], where e is what rounding adds to the weights, so the bias loses E[e x]. Here E[x] is seen on
the calibration samples.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.convert.activations import Feeds, means
from optkit.convert.quantizer_recipe import scope_of, stored_weights
from optkit.errors import BuildError
from optkit.tflite.flatbuffer import (
    is_constant,
    operator_name,
    parse_flatbuffer,
    tensor_name,
    tensor_type,
    tensor_values,
    weight_operators,
)

Floats = npt.NDArray[np.float64]
_BIAS = 2
"""Which input of an operator with weights its bias is."""


def corrected_biases(model: bytes, quantized: bytes, samples: Feeds) -> bytes:
    """Return the float .tflite `model` with the biases that make up for the weights of its `quantized` form.

    Convolutions, depthwise convolutions and dense layers with a bias are corrected; others stay as they are. `samples`
    as `activation_ranges` takes them. Raises BuildError when there is no such layer.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    tree, other = parse_flatbuffer(model), parse_flatbuffer(quantized)
    graph = tree.subgraphs[0]
    weights = [(part, one, stored) for part in tree.subgraphs for one, stored in weight_operators(tree, part)]
    rounded = stored_weights(other, [scope_of(part, one) for part, one, _ in weights])
    chosen = [
        (operator, stored, now)
        for (part, operator, stored), now in zip(weights, rounded, strict=True)
        if part is graph and _can_be_corrected(tree, graph, operator)
    ]
    if not chosen:
        raise BuildError("bias_correction: no convolution or dense layer here has a bias; drop it")
    inputs = means(model, sorted({int(operator.inputs[0]) for operator, _, _ in chosen}), samples)
    for operator, stored, now in chosen:
        error = real_values(other, now) - real_values(tree, stored)
        added = _KINDS[operator_name(tree, operator)](error, inputs[int(operator.inputs[0])], operator.builtinOptions)
        if added is not None:
            _subtract(tree, graph, operator, added)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(tree))


def real_values(model: Any, tensor: Any) -> Floats:
    """Return the real values that the stored weights of a TensorT stand for, float64 in its shape."""
    values = tensor_values(model, tensor).astype(np.float64)
    found = tensor.quantization
    if "int" not in tensor_type(tensor) or found is None:
        return values
    if found.details is not None:  # a scale for each block of the last axis
        scales = tensor_values(model, model.subgraphs[0].tensors[int(found.details.scales)]).astype(np.float64)
        return values * np.repeat(scales.reshape(len(values), -1), int(found.details.blockSize), axis=1)
    scale = np.asarray(found.scale, np.float64)
    shape = [1] * values.ndim
    shape[int(found.quantizedDimension)] = -1
    return values * (scale if len(scale) == 1 else scale.reshape(shape))


def _can_be_corrected(model: Any, graph: Any, operator: Any) -> bool:
    if operator_name(model, operator) not in _KINDS or len(operator.inputs) <= _BIAS or operator.inputs[_BIAS] < 0:
        return False
    bias = graph.tensors[int(operator.inputs[_BIAS])]
    return is_constant(model, bias) and tensor_type(bias) == "float32"


def _dense(error: Floats, mean: Floats, options: Any) -> Floats | None:
    size = error.shape[1]
    return error @ mean.reshape(-1, size).mean(axis=0) if mean.size % size == 0 else None


def _convolution(error: Floats, mean: Floats, options: Any) -> Floats | None:
    if mean.shape[-1] != error.shape[-1]:  # in groups
        return None
    return np.asarray(np.einsum("oijc,ijc->o", error, _patches(mean, error.shape[1:3], options)))


def _depthwise(error: Floats, mean: Floats, options: Any) -> Floats:
    patches = _patches(mean, error.shape[1:3], options)
    return np.asarray((error[0] * np.repeat(patches, error.shape[-1] // mean.shape[-1], axis=-1)).sum(axis=(0, 1)))


_KINDS: dict[str, Callable[[Floats, Floats, Any], Floats | None]] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
}
"""For each operator what an error in its weights adds to its mean outputs, float64 (outputs,); None: not known."""


def _patches(mean: Floats, kernel: tuple[int, ...], options: Any) -> Floats:
    """Return the mean input under each place of a kernel, (height, width, channels), over all places of the output."""
    strides = (options.strideH, options.strideW)
    dilations = (max(1, options.dilationHFactor), max(1, options.dilationWFactor))
    same = options.padding == 0
    pads, counts = [], []
    for size, width, stride, dilation in zip(mean.shape[:2], kernel, strides, dilations, strict=True):
        reach = (width - 1) * dilation + 1
        count = -(-size // stride) if same else -(-(size - reach + 1) // stride)
        missing = max(0, (count - 1) * stride + reach - size) if same else 0
        pads.append((missing // 2, missing - missing // 2))
        counts.append(count)
    padded = np.pad(mean, (*pads, (0, 0)))
    found = np.empty((*kernel, mean.shape[-1]))
    for place in np.ndindex(*kernel):
        rows, columns = (
            slice(at * dilation, at * dilation + (count - 1) * stride + 1, stride)
            for at, dilation, count, stride in zip(place, dilations, counts, strides, strict=True)
        )
        found[place] = padded[rows, columns].mean(axis=(0, 1))
    return found


def _subtract(model: Any, graph: Any, operator: Any, added: Floats) -> None:
    """Give `operator` a bias less by `added`; other operators that share its tensor or buffer keep theirs."""
    from ai_edge_litert import schema_py_generated as schema

    index = int(operator.inputs[_BIAS])
    tensor = graph.tensors[index]
    values = (tensor_values(model, tensor).astype(np.float64) - added).astype(np.float32)
    if sum(int(read) == index for one in graph.operators for read in one.inputs) > 1:
        tensor = copy.copy(tensor)
        tensor.name = f"{tensor_name(tensor)}_{len(graph.tensors)}".encode()
        graph.tensors.append(tensor)
        operator.inputs = [*operator.inputs[:_BIAS], len(graph.tensors) - 1, *operator.inputs[_BIAS + 1 :]]
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    if sum(one.buffer == tensor.buffer for part in model.subgraphs for one in part.tensors) > 1:
        model.buffers.append(buffer)
        tensor.buffer = len(model.buffers) - 1
    else:
        model.buffers[tensor.buffer] = buffer
