"""What the activations of a graph need: how much lives at once, and the arena that holds it.

The arena is laid out as LiteRT's planner does it (tensorflow/lite/arena_planner.cc): tensors that live longest first,
then the largest, each at the lowest place that is free for as long as it lives. So it is the arena without a delegate,
and without the scratch memory that kernels ask for; XNNPACK lays out its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from optkit.inspect.operators import GraphInfo, TensorInfo

_ALIGNMENT = 64
"""LiteRT's kDefaultTensorAlignment, in bytes."""
_BITS = {
    **dict.fromkeys(("int2",), 2),
    **dict.fromkeys(("int4", "uint4"), 4),
    **dict.fromkeys(("int8", "uint8", "bool", "float8_e4m3fn", "float8_e5m2"), 8),
    **dict.fromkeys(("int16", "uint16", "float16", "bfloat16"), 16),
    **dict.fromkeys(("int32", "uint32", "float32"), 32),
    **dict.fromkeys(("int64", "uint64", "float64", "complex64"), 64),
    "complex128": 128,
}
MOST_TENSORS = 20_000
"""Of a larger graph no arena is laid out: it takes time by the square of this."""


@dataclass(frozen=True, kw_only=True)
class Activations:
    """Bytes that activations need with one sample a call, or the fixed batch.

    `live_bytes` is the most that lives at once, while operator `at` runs; `arena_bytes` what a layout of them takes,
    None of a very large graph. Tensors whose type has no fixed size (strings) are left out.
    """

    live_bytes: int
    at: int
    arena_bytes: int | None


def tensor_bytes(tensor: TensorInfo) -> int:
    """Return the bytes of a tensor while it lives; 0 when its type has no fixed size."""
    return -(-tensor.elements * _BITS.get(tensor.dtype, 0) // 8)


def activations(graph: GraphInfo) -> Activations:
    """Return what the computed tensors and the inputs of `graph` need."""
    lives = _lives(graph)
    steps = [0] * (len(graph.operators) + 1)
    for first, last, size in lives:
        steps[first] += size
        if last + 1 < len(steps):
            steps[last + 1] -= size
    live, most, at = 0, 0, 0
    for step, change in enumerate(steps[: max(1, len(graph.operators))]):
        live += change
        if live > most:
            most, at = live, step
    arena = _arena(lives) if len(lives) <= MOST_TENSORS else None
    return Activations(live_bytes=most, at=at, arena_bytes=arena)


def _lives(graph: GraphInfo) -> list[tuple[int, int, int]]:
    """Return (first step, last step, bytes) of each tensor that is not in the file."""
    end = max(0, len(graph.operators) - 1)
    first: dict[int, int] = dict.fromkeys(graph.inputs, 0)
    last: dict[int, int] = dict.fromkeys((*graph.inputs, *graph.outputs), end)  # the caller's: kept for the whole run
    for operator in graph.operators:
        for index in operator.outputs:
            first.setdefault(index, operator.index)
            last.setdefault(index, operator.index)
        for index in operator.inputs:
            if index in first:
                last[index] = max(last.get(index, 0), operator.index)
    sized = ((index, tensor_bytes(graph.tensors[index])) for index in first if index >= 0)
    return [(first[i], last[i], size) for i, size in sized if size and not graph.tensors[i].constant]


def _arena(lives: list[tuple[int, int, int]]) -> int:
    end = max((last for _, last, _ in lives), default=0)
    order = sorted(lives, key=lambda one: (not (one[0] == 0 and one[1] == end), -one[2], one[0]))
    placed: list[tuple[int, int, int, int]] = []  # offset, end, first, last; by offset
    for first, last, size in order:
        offset, best, room = 0, None, 0
        for start, stop, other_first, other_last in placed:
            if other_last < first or other_first > last:
                continue
            gap = start - offset
            if gap >= size and (best is None or gap < room):
                best, room = offset, gap
            offset = max(offset, -(-stop // _ALIGNMENT) * _ALIGNMENT)
        place = offset if best is None else best
        placed.append((place, place + size, first, last))
        placed.sort()
    return max((stop for _, stop, _, _ in placed), default=0)
