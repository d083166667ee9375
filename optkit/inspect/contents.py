"""What the bytes of a file are: every constant, what its values are like, and all that is no weight.

Law: a file is looked at in pieces, through its map; what is held at once does not grow with the file.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.inspect.operators import GraphInfo, TensorInfo
from optkit.tflite.tensors import listed
from optkit.tflite.weights import order_0_bytes

_PIECE = 1 << 20
"""Bytes that are looked at at once."""
MOST_DISTINCT = 1 << 18
"""Distinct values are counted up to here."""
_WIDTHS = {
    **dict.fromkeys(("int8", "uint8", "bool", "float8_e4m3fn", "float8_e5m2"), 1),
    **dict.fromkeys(("int16", "uint16", "float16", "bfloat16"), 2),
    **dict.fromkeys(("int32", "uint32", "float32"), 4),
    **dict.fromkeys(("int64", "uint64", "float64"), 8),
}
_PACKED = {"int4": 4, "uint4": 4, "int2": 2}
"""Types of which a byte holds several, and their bits."""


@dataclass(frozen=True, kw_only=True)
class Constant:
    """One constant of the file. Tensors that share a buffer are one constant; `tensors` counts them.

    `zeros` is the share of elements that stand for zero. `distinct` counts different values; None when there are more
    than `MOST_DISTINCT`. `entropy_bytes` is the order-0 entropy of the elements: what an ideal coder of single values
    would need. `zip_bytes` is what deflate makes of these bytes alone.
    """

    subgraph: int
    tensor: int
    tensors: int
    name: str
    role: str
    dtype: str
    shape: tuple[int, ...]
    sparse: bool
    bytes: int
    zip_bytes: int
    zeros: float | None
    distinct: int | None
    entropy_bytes: float | None
    scales: int
    axis: int | None
    scale: tuple[float, float] | None


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What the bytes of a file are; all but `file_bytes` and `zip_bytes` add up to `file_bytes`.

    `quantization` are scales, zero points and ranges; `unused` are buffers that no tensor has; `structure` is the
    rest: operators, options, tables, and the gaps between them.
    """

    file_bytes: int
    zip_bytes: int
    weights: int
    bias: int
    constant: int
    quantization: int
    names: int
    metadata: int
    unused: int
    structure: int


def read_constants(model: Any, graphs: tuple[GraphInfo, ...]) -> tuple[Constant, ...]:
    """Return the constants of a verified ModelT, the largest first."""
    owners: dict[int, list[tuple[int, TensorInfo]]] = {}
    for graph in graphs:
        for tensor in graph.tensors:
            if tensor.constant:
                owners.setdefault(tensor.buffer, []).append((graph.index, tensor))
    found = [_constant(model, places) for places in owners.values()]
    return tuple(sorted(found, key=lambda one: (-one.bytes, one.subgraph, one.tensor)))


def _constant(model: Any, places: list[tuple[int, TensorInfo]]) -> Constant:
    ranked = sorted(places, key=lambda place: ("weights", "bias", "constant").index(place[1].role))
    subgraph, tensor = ranked[0]
    raw = np.asarray(model.buffers[tensor.buffer].data, np.uint8)
    quantization = tensor.quantization
    points = quantization.zero_point if quantization else (0, 0)
    counts = count_values(raw, tensor.dtype, points[0] if points[0] == points[1] else 0)
    if counts and tensor.dtype in _PACKED and tensor.elements < counts.elements:
        counts = counts.without_padding(tensor.elements)
    zeros = counts.zeros if counts else None
    if counts and zeros is not None and tensor.sparse:  # those that are not stored are zero
        zeros += max(0, tensor.elements - counts.elements)
    return Constant(
        subgraph=subgraph,
        tensor=tensor.index,
        tensors=len(places),
        name=tensor.name,
        role=tensor.role,
        dtype=tensor.dtype,
        shape=tensor.shape,
        sparse=tensor.sparse,
        bytes=len(raw),
        zip_bytes=deflated(_pieces(raw)),
        zeros=zeros / tensor.elements if zeros is not None and tensor.elements else None,
        distinct=counts.distinct if counts else None,
        entropy_bytes=counts.entropy_bytes if counts else None,
        scales=quantization.scales if quantization else 0,
        axis=quantization.axis if quantization else None,
        scale=quantization.scale if quantization else None,
    )


@dataclass(frozen=True)
class Counts:
    """How often each value occurs. `counts` is None when there are too many different ones."""

    elements: int
    zeros: int
    counts: npt.NDArray[np.int64] | None

    @property
    def distinct(self) -> int | None:
        """The number of different values."""
        return None if self.counts is None else int(np.count_nonzero(self.counts))

    @property
    def entropy_bytes(self) -> float | None:
        """The order-0 entropy of all elements together (Shannon 1948), in bytes."""
        if self.counts is None or not self.elements:
            return None
        return order_0_bytes(self.counts[self.counts > 0])

    def without_padding(self, elements: int) -> Counts:
        """Return the counts without the zeros that fill up the last byte of a packed type."""
        spare = self.elements - elements
        if self.counts is None or self.counts[0] < spare:
            return self
        counts = self.counts.copy()
        counts[0] -= spare
        return Counts(elements, max(0, self.zeros - spare), counts)


def count_values(raw: npt.NDArray[np.uint8], dtype: str, zero: int = 0) -> Counts | None:
    """Return how often each value of `raw` (bytes of a tensor of `dtype`) occurs; None when it has no numbers.

    `zero` is the integer that stands for zero. Values that are both 0 and -0 of a float type count as zeros.
    """
    if bits := _PACKED.get(dtype):
        return _count_packed(raw, bits, zero)
    width = _WIDTHS.get(dtype)
    if width is None or len(raw) % width:
        return None
    elements = len(raw) // width
    if width <= 2:
        counts = np.zeros(256**width, np.int64)
        for piece in _pieces(raw):
            counts += np.bincount(_words(piece, width), minlength=len(counts))
        return Counts(elements, int(counts[_patterns(dtype, width, zero)].sum()), counts)
    return _count_wide(raw, dtype, width, zero)


def _count_packed(raw: npt.NDArray[np.uint8], bits: int, zero: int) -> Counts:
    by_byte = np.zeros(256, np.int64)
    for piece in _pieces(raw):
        by_byte += np.bincount(piece, minlength=256)
    counts = np.zeros(1 << bits, np.int64)
    for shift in range(0, 8, bits):
        np.add.at(counts, (np.arange(256) >> shift) & ((1 << bits) - 1), by_byte)
    return Counts(int(counts.sum()), int(counts[zero & ((1 << bits) - 1)]), counts)


def _count_wide(raw: npt.NDArray[np.uint8], dtype: str, width: int, zero: int) -> Counts:
    zeros, values, counts = 0, np.zeros(0, f"<u{width}"), np.zeros(0, np.int64)
    many = False
    for piece in _pieces(raw):
        words = _words(piece, width)
        zeros += sum(int(np.count_nonzero(words == pattern)) for pattern in _patterns(dtype, width, zero))
        if many:
            continue
        new, times = np.unique(words, return_counts=True)
        both = np.concatenate([values, new])
        values, places = np.unique(both, return_inverse=True)
        merged = np.zeros(len(values), np.int64)
        np.add.at(merged, places.reshape(-1), np.concatenate([counts, times]))
        counts, many = merged, len(values) > MOST_DISTINCT
    return Counts(len(raw) // width, zeros, None if many else counts)


def _patterns(dtype: str, width: int, zero: int) -> list[int]:
    """Return the bit patterns that stand for zero."""
    if "float" in dtype:
        return [0, 1 << (8 * width - 1)]
    return [zero % (1 << (8 * width))]


def _words(piece: npt.NDArray[np.uint8], width: int) -> npt.NDArray[Any]:
    """Return bytes as unsigned integers of `width` bytes; a map need not be aligned."""
    return np.frombuffer(piece.tobytes(), f"<u{width}") if width > 1 else piece


def _pieces(raw: npt.NDArray[np.uint8]) -> Iterator[npt.NDArray[np.uint8]]:
    for start in range(0, len(raw), _PIECE):
        yield raw[start : start + _PIECE]


def deflated(pieces: Iterator[npt.NDArray[np.uint8]]) -> int:
    """Return how many bytes deflate at its default level makes of the pieces together."""
    packer = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, -zlib.MAX_WBITS)
    sizes = [len(packer.compress(piece.data)) for piece in pieces]
    return sum(sizes) + len(packer.flush())


_ARCHIVE = 108
"""What a ZIP archive with one file called `model` has besides the deflated bytes (APPNOTE.TXT, 4.3): 30 + 5 and
46 + 5 bytes of headers, and 22 at its end."""


def weigh(model: Any, data: Any, graphs: tuple[GraphInfo, ...]) -> tuple[tuple[Constant, ...], Sizes]:
    """Return the constants of a file and what its bytes are; `data` is all of it, mapped."""
    whole = np.frombuffer(data, np.uint8)
    with ThreadPoolExecutor(1) as other:  # deflate runs beside Python
        zipped = other.submit(deflated, _pieces(whole))
        constants = read_constants(model, graphs)
        return constants, _sizes(model, len(whole), zipped.result() + _ARCHIVE, graphs, constants)


def _sizes(
    model: Any, file_bytes: int, zip_bytes: int, graphs: tuple[GraphInfo, ...], constants: tuple[Constant, ...]
) -> Sizes:
    roles = {role: sum(one.bytes for one in constants if one.role == role) for role in ("weights", "bias", "constant")}
    used = {tensor.buffer for graph in graphs for tensor in graph.tensors}
    described = {int(entry.buffer) for entry in listed(model.metadata)} - used
    bytes_of = [0 if one.data is None else len(one.data) for one in model.buffers]
    metadata = sum(bytes_of[number] for number in described)
    unused = sum(size for number, size in enumerate(bytes_of) if number not in used | described)
    quantization, names = _quantization_bytes(model), _name_bytes(model)
    known = sum(roles.values()) + metadata + unused
    if known + quantization + names > file_bytes:  # vectors that several tensors share
        quantization = names = 0
    return Sizes(
        file_bytes=file_bytes,
        zip_bytes=zip_bytes,
        **roles,
        quantization=quantization,
        names=names,
        metadata=metadata,
        unused=unused,
        structure=max(0, file_bytes - known - quantization - names),
    )


def _quantization_bytes(model: Any) -> int:
    found = 0
    for graph in model.subgraphs:
        for tensor in listed(graph.tensors):
            if (one := tensor.quantization) is not None:
                found += 4 * sum(len(listed(part)) for part in (one.scale, one.min, one.max))
                found += 8 * len(listed(one.zeroPoint))
    return found


def _name_bytes(model: Any) -> int:
    texts = [model.description, *(entry.name for entry in listed(model.metadata))]
    for graph in model.subgraphs:
        texts += [graph.name, *(tensor.name for tensor in listed(graph.tensors))]
    for signature in listed(model.signatureDefs):
        texts += [signature.signatureKey]
        texts += [entry.name for entry in (*listed(signature.inputs), *listed(signature.outputs))]
    return sum(len(text) for text in texts if text)
