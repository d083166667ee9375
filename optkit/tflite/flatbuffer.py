"""Read and write the flatbuffer inside a .tflite file, and the values of its constant tensors.

Law: nothing here runs a model. Files are read as LiteRT's object tree (`ModelT`), which a caller may change.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import ArtifactError
from optkit.tflite.verify import verify_file

WEIGHT_INPUT = {
    "CONV_2D": 1,
    "DEPTHWISE_CONV_2D": 1,
    "CONV_3D": 1,
    "FULLY_CONNECTED": 1,
    "TRANSPOSE_CONV": 1,
}
"""Operators with weights, and which of their inputs holds them."""
_UNPACKING = ("DEQUANTIZE", "DENSIFY")
# TensorFlow Lite's tensor types that weights have. INT4 and INT2 are unpacked before they are looked at.
_PACKED = {"INT4": 4, "INT2": 2}
_DTYPES = {
    "FLOAT32": np.float32,
    "FLOAT16": np.float16,
    "INT8": np.int8,
    "UINT8": np.uint8,
    "INT16": np.int16,
}


def read_flatbuffer(path: Path) -> Any:
    """Return the .tflite file at `path` as LiteRT's object tree (ModelT), with all buffers in place.

    Raises ArtifactError when it cannot be read, is not a .tflite file or is damaged.
    """
    model = verify_file(path)
    for buffer in model.buffers:
        buffer.offset = buffer.size = 0
    return model


def parse_flatbuffer(data: bytes) -> Any:
    """Return the bytes of a .tflite file as LiteRT's object tree (ModelT), with all buffers in place.

    For files that optkit made itself: the bytes are not verified. `read_flatbuffer` verifies a file.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    for buffer in model.buffers:
        # a large file may keep its buffers after the flatbuffer
        if buffer.offset > 1:
            buffer.data = np.frombuffer(data, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


def operator_name(model: Any, operator: Any) -> str:
    """Return the name of an operator of a ModelT, such as CONV_2D, or its custom code."""
    from ai_edge_litert import schema_py_generated as schema

    code = model.operatorCodes[operator.opcodeIndex]
    if code.customCode:
        return str(code.customCode.decode())
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return enum_name(schema.BuiltinOperator, number)


def enum_name(enum: Any, number: int) -> str:
    """Return the name of `number` in one of the schema's enumerations, or UNKNOWN_<number>."""
    for name, value in vars(enum).items():
        if value == number and not name.startswith("_"):
            return str(name)
    return f"UNKNOWN_{number}"


def tensor_type(tensor: Any) -> str:
    """Return the type of a TensorT in lower case, such as `float32` or `int4`."""
    from ai_edge_litert import schema_py_generated as schema

    return enum_name(schema.TensorType, tensor.type).lower()


def tensor_name(tensor: Any) -> str:
    """Return the name of a TensorT; empty when it was stripped."""
    return tensor.name.decode() if tensor.name else ""


def weight_operators(model: Any, graph: Any) -> list[tuple[Any, Any]]:
    """Return each operator of a SubGraphT that has constant weights, with the tensor that stores them.

    Weights may pass through DEQUANTIZE (float16, weight-only) and DENSIFY (sparse); the stored tensor is before those.
    """
    produced = {int(index): operator for operator in graph.operators for index in operator.outputs}
    found = []
    for operator in graph.operators:
        position = WEIGHT_INPUT.get(operator_name(model, operator))
        if position is None:
            continue
        index = int(operator.inputs[position])
        while index in produced and operator_name(model, produced[index]) in _UNPACKING:
            index = int(produced[index].inputs[0])
        if index not in produced and is_constant(model, graph.tensors[index]):
            found.append((operator, graph.tensors[index]))
    return found


def is_constant(model: Any, tensor: Any) -> bool:
    """Tell whether a TensorT has its values in the file."""
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def is_quantized(tensor: Any) -> bool:
    """Tell whether a TensorT holds integers that stand for real values, by one scale or more."""
    found = tensor.quantization
    return "int" in tensor_type(tensor) and found is not None and found.scale is not None and len(found.scale) > 0


def tensor_values(model: Any, tensor: Any) -> npt.NDArray[Any]:
    """Return the stored values of a constant TensorT in its shape: int4 and int2 unpacked, sparse ones made dense.

    Raises ArtifactError when the tensor is of a type that weights do not have, or holds too few values.
    """
    data = model.buffers[tensor.buffer].data
    raw = np.asarray([] if data is None else data, np.uint8)
    kind = tensor_type(tensor).upper()
    if kind not in _PACKED and kind not in _DTYPES:
        known = ", ".join((*_PACKED, *_DTYPES))
        raise ArtifactError(f"tensor {tensor_name(tensor)!r} is of type {kind}; weights are {known}")
    values = _unpacked(raw, _PACKED[kind]) if kind in _PACKED else raw.view(_DTYPES[kind])
    shape = tuple(int(size) for size in tensor.shape)
    if tensor.sparsity is not None:
        return _dense(values, shape, tensor.sparsity)
    if values.size < np.prod(shape):
        raise ArtifactError(f"tensor {tensor_name(tensor)!r} of shape {shape} holds only {values.size} values")
    return values[: int(np.prod(shape))].reshape(shape)


def _unpacked(raw: npt.NDArray[np.uint8], bits: int) -> npt.NDArray[np.int8]:
    """Unpack integers of 4 or 2 bits, two's complement: the first in the lowest bits of a byte."""
    parts = (raw[:, None] >> np.arange(0, 8, bits, dtype=np.uint8)) & (2**bits - 1)
    values = parts.reshape(-1).astype(np.int8)
    found: npt.NDArray[np.int8] = np.where(values >= 2 ** (bits - 1), values - 2**bits, values).astype(np.int8)
    return found


def _dense(values: npt.NDArray[Any], shape: tuple[int, ...], sparsity: Any) -> npt.NDArray[Any]:
    """Return the dense tensor of TensorFlow Lite's sparse format (its schema's SparsityParameters).

    Dimensions are walked in `traversalOrder`, each dense or compressed (CSR: segments and indices). Dimension
    `len(shape) + k` counts within a block of dimension `blockMap[k]`.
    """
    order = [int(dimension) for dimension in sparsity.traversalOrder]
    blocked = [int(dimension) for dimension in (sparsity.blockMap if sparsity.blockMap is not None else [])]
    positions = np.zeros(1, np.int64)
    places: dict[int, npt.NDArray[np.int64]] = {}
    for dimension, meta in zip(order, sparsity.dimMetadata, strict=True):
        repeats, positions, here = _level(meta, positions)
        places = {known: np.repeat(where, repeats) for known, where in places.items()}
        places[dimension] = here
    for k, dimension in enumerate(blocked):
        size = sparsity.dimMetadata[order.index(len(shape) + k)].denseSize
        places[dimension] = places[dimension] * size + places[len(shape) + k]
    index = np.stack([places[dimension] for dimension in range(len(shape))])
    # the last block of a dimension may reach beyond it
    inside = (index < np.asarray(shape)[:, None]).all(axis=0)
    result = np.zeros(shape, values.dtype)
    result[tuple(index[:, inside])] = values[positions[inside]]
    return result


def _level(
    meta: Any, positions: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return how many entries each position has on the next level, their positions there, and their coordinates."""
    if meta.format == 0:  # DENSE
        size = int(meta.denseSize)
        here = np.tile(np.arange(size, dtype=np.int64), len(positions))
        return np.full(len(positions), size, np.int64), np.repeat(positions, size) * size + here, here
    segments = np.asarray(meta.arraySegments.values, np.int64)
    repeats = segments[positions + 1] - segments[positions]
    first = np.repeat(segments[positions] - np.concatenate([[0], np.cumsum(repeats)[:-1]]), repeats)
    below = first + np.arange(len(first))
    return repeats, below, np.asarray(meta.arrayIndices.values, np.int64)[below]


DAMAGE = (struct.error, IndexError, TypeError, ValueError, AttributeError, KeyError)
"""What reading a damaged flatbuffer raises."""
