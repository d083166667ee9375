"""Whether each tensor of a model holds what it says: its shape, its bytes, its scales, its sparse form.

Law: these are LiteRT's object tree (`ModelT`) of bytes that `structure` accepted. A tensor's sizes bound all that
optkit and LiteRT later do with it, so no size is taken that the file does not pay for.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.tflite.structure import Damaged

MAX_ELEMENTS = 2**31 - 1
"""LiteRT's kernels count the elements of a tensor in 32 bits."""
MAX_RANK = 32
"""NumPy 1 has no arrays of more dimensions."""
MAX_EXPANSION = 1000
"""Elements of a sparse tensor over the numbers that describe it: that of a tensor with 99.9 % zeros."""

# Bits of an element by number of the type in the schema; 0: the elements have no fixed size.
_BITS = (32, 16, 32, 8, 64, 0, 8, 16, 64, 8, 64, 128, 64, 0, 0, 32, 16, 4, 16, 2, 4, 8, 8)
_STRING = 5
# The range that a zero point must lie in, by number of the type.
_ZERO_POINTS = {3: (0, 255), 7: (-(2**15), 2**15 - 1), 9: (-128, 127), 17: (-8, 7), 19: (-2, 1), 20: (0, 15)}


def listed(values: Any) -> list[Any]:
    """Return a vector of the object tree as a list; empty when it is absent."""
    return [] if values is None else list(values)


def numbers(values: Any) -> npt.NDArray[np.int64]:
    """Return a vector of integers of the object tree; empty when it is absent."""
    return np.asarray([] if values is None else values, np.int64)


def label(tensor: Any, index: int) -> str:
    """Return how a message calls a tensor."""
    name = tensor.name
    text = name.decode() if isinstance(name, bytes) else name
    return f"tensor {index} ({text!r})" if text else f"tensor {index}"


def held(model: Any, tensor: Any) -> Any:
    """Return the bytes in the file of a tensor; empty when there are none."""
    data = model.buffers[tensor.buffer].data
    return b"" if data is None else data


def check_tensor(model: Any, tensors: list[Any], index: int) -> None:
    """Check one tensor of a subgraph whose tensors are `tensors`. Raises Damaged."""
    tensor = tensors[index]
    what = label(tensor, index)
    if not 0 <= tensor.type < len(_BITS):
        raise Damaged(f"{what} is of type {tensor.type}; the types that are known are 0 to {len(_BITS) - 1}")
    if tensor.buffer >= len(model.buffers):
        raise Damaged(f"{what} is in buffer {tensor.buffer} of {len(model.buffers)}")
    if tensor.externalBuffer:
        raise Damaged(f"{what} has its values in another file, which is never read")
    shape = _shape(tensor, what)
    _check_values(tensor, shape, held(model, tensor), what)
    if tensor.quantization is not None:
        _check_quantization(tensor, shape, len(tensors), what)


def _shape(tensor: Any, what: str) -> list[int]:
    shape = [int(size) for size in listed(tensor.shape)]
    signature = [int(size) for size in listed(tensor.shapeSignature)]
    if len(shape) > MAX_RANK:
        raise Damaged(f"{what} has {len(shape)} dimensions; at most {MAX_RANK} can be read")
    if signature and (len(signature) != len(shape) or min(signature) < -1):
        raise Damaged(f"{what} of shape {shape} has the shape signature {signature}")
    for k, size in enumerate(shape):
        if size < 0 and not (size == -1 and signature and signature[k] == -1):
            raise Damaged(f"{what} has the shape {shape}")
    if math.prod(abs(size) for size in shape) > MAX_ELEMENTS:
        raise Damaged(f"{what} of shape {shape} has more than {MAX_ELEMENTS} elements")
    return shape


def _check_values(tensor: Any, shape: list[int], data: Any, what: str) -> None:
    if tensor.sparsity is not None:
        _check_sparse(tensor, shape, len(data), what)
        return
    if not len(data):
        return
    if min(shape, default=0) < 0:
        raise Damaged(f"{what} of shape {shape} has values, but no fixed size")
    if tensor.type == _STRING:
        _check_strings(data, math.prod(shape), what)
    elif _BITS[tensor.type]:
        needed = -(-math.prod(shape) * _BITS[tensor.type] // 8)
        if len(data) != needed:
            raise Damaged(f"{what} of shape {shape} needs {needed} bytes and has {len(data)}")


def _check_strings(data: Any, expected: int, what: str) -> None:
    """Check TensorFlow Lite's packed strings: a count, offsets (int32), and the bytes."""
    raw = np.asarray(bytearray(data), np.uint8)
    count = int(raw[:4].view("<i4")[0]) if len(raw) >= 4 else -1
    if count != expected or 4 * (count + 2) > len(raw):
        raise Damaged(f"{what} has {count} strings in {len(raw)} bytes; its shape has {expected}")
    places = raw[4 : 4 * (count + 2)].view("<i4").astype(np.int64)
    if places[0] != 4 * (count + 2) or places[-1] != len(raw) or (np.diff(places) < 0).any():
        raise Damaged(f"{what} has strings that do not lie one after another in its {len(raw)} bytes")


def _check_quantization(tensor: Any, shape: list[int], tensors: int, what: str) -> None:
    quantization = tensor.quantization
    scales = np.asarray(listed(quantization.scale), np.float64)
    zero_points, dimension = numbers(quantization.zeroPoint), int(quantization.quantizedDimension)
    if len(scales) > 1 and not (0 <= dimension < len(shape) and len(scales) == shape[dimension]):
        raise Damaged(f"{what} of shape {shape} has {len(scales)} scales along dimension {dimension}")
    if len(scales) and shape and not 0 <= dimension < len(shape):
        raise Damaged(f"{what} of shape {shape} is quantized along dimension {dimension}")
    if len(scales) and len(zero_points) not in (0, 1, len(scales)):
        raise Damaged(f"{what} has {len(zero_points)} zero points for {len(scales)} scales")
    if not np.isfinite(scales).all() or (scales < 0).any():
        raise Damaged(f"{what} has a scale that is negative or no number")
    low, high = _ZERO_POINTS.get(tensor.type, (-(2**31), 2**31 - 1))
    if len(scales) and len(zero_points) and not low <= zero_points.min() <= zero_points.max() <= high:
        raise Damaged(f"{what} has a zero point outside of {low} to {high}")
    details = quantization.details
    for field in ("scales", "zeroPoints"):
        other = getattr(details, field, -1)
        if not -1 <= other < tensors:
            raise Damaged(f"{what} has its {field} in tensor {other} of {tensors}")


def _check_sparse(tensor: Any, shape: list[int], held_bytes: int, what: str) -> None:
    """Check the sparse form: as TensorFlow Lite's schema tells it at SparsityParameters."""
    sizes, metadata = _sparse_sizes(tensor.sparsity, shape, what)
    positions, described = 1, 1
    for size, meta in zip(sizes, metadata, strict=True):
        if meta.format == 0:  # DENSE
            if meta.denseSize != size:
                raise Damaged(f"sparse {what} of shape {shape} has a dense size of {meta.denseSize}; expected {size}")
            positions *= size
        elif meta.format == 1:  # SPARSE_CSR
            segments, indices = (
                numbers(getattr(part, "values", None)) for part in (meta.arraySegments, meta.arrayIndices)
            )
            _check_compressed(segments, indices, positions, size, what)
            positions = len(indices)
            described += len(segments) + len(indices)
        else:
            raise Damaged(f"sparse {what} has a dimension of format {meta.format}; known: 0 and 1")
    bits = _BITS[tensor.type]
    if not bits or -(-positions * bits // 8) != held_bytes:
        raise Damaged(f"sparse {what} has {positions} values and {held_bytes} bytes")
    if math.prod(shape) > max(MAX_EXPANSION * (described + positions), 2**20):
        raise Damaged(f"sparse {what} of shape {shape} is told by {described + positions} numbers: too few to be true")


def _check_compressed(
    segments: npt.NDArray[np.int64], indices: npt.NDArray[np.int64], positions: int, size: int, what: str
) -> None:
    if len(segments) != positions + 1 or segments[0] != 0 or (np.diff(segments) < 0).any():
        raise Damaged(f"sparse {what} has {len(segments)} segments, not rising from 0, for {positions} positions")
    if segments[-1] != len(indices):
        raise Damaged(f"sparse {what} has {len(indices)} indices; its segments tell of {segments[-1]}")
    if len(indices) and not 0 <= indices.min() <= indices.max() < size:
        raise Damaged(f"sparse {what} has an index outside of 0 to {size - 1}")


def _sparse_sizes(sparsity: Any, shape: list[int], what: str) -> tuple[list[int], list[Any]]:
    """Return the size of each dimension of the sparse form, and its metadata, in the order of traversal."""
    order, blocked = numbers(sparsity.traversalOrder).tolist(), numbers(sparsity.blockMap).tolist()
    metadata = listed(sparsity.dimMetadata)
    rank = len(shape)
    if sorted(order) != list(range(rank + len(blocked))) or len(metadata) != len(order):
        raise Damaged(f"sparse {what} has the traversal order {order} for {rank} dimensions and {len(blocked)} blocks")
    if len(set(blocked)) != len(blocked) or not all(0 <= dimension < rank for dimension in blocked):
        raise Damaged(f"sparse {what} of {rank} dimensions has blocks in dimensions {blocked}")
    if min(shape, default=1) < 1:
        raise Damaged(f"sparse {what} has the shape {shape}")
    sizes = list(shape)
    for k, dimension in enumerate(blocked):
        block = int(metadata[order.index(rank + k)].denseSize)
        if not 1 <= block <= MAX_ELEMENTS:
            raise Damaged(f"sparse {what} has a block of size {block}")
        sizes[dimension] = -(-sizes[dimension] // block)
        sizes.append(block)
    return [sizes[dimension] for dimension in order], metadata
