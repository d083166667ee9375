"""Which operator of the graph each kernel of XNNPACK belongs to.

XNNPACK says the names of its kernels in the order in which it runs them, and not which operator they are for. Both are
in one order, so kernels are laid beside operators as two texts are compared: at the least cost, where a kernel's name
says what it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

_COMPUTES = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL")
_FREE = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "DEQUANTIZE", "RELU", "RELU6", "PAD", "PADV2", "DENSIFY")
"""Operators that XNNPACK may do in another's kernel, or not at all."""
_SAYS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Deconvolution", ("TRANSPOSE_CONV",)),
    ("Convolution", ("CONV_2D", "DEPTHWISE_CONV_2D")),
    ("Fully Connected", ("FULLY_CONNECTED", "BATCH_MATMUL", "CONV_2D")),
    ("Batch Matrix", ("BATCH_MATMUL",)),
    ("Max Pooling", ("MAX_POOL_2D",)),
    ("Average Pooling", ("AVERAGE_POOL_2D", "MEAN")),
    ("Mean Squared", ("MEAN",)),
    ("Mean", ("MEAN", "AVERAGE_POOL_2D")),
    ("Sum", ("SUM", "MEAN")),
    ("Reduce Max", ("REDUCE_MAX",)),
    ("Reduce Min", ("REDUCE_MIN",)),
    ("Softmax", ("SOFTMAX",)),
    ("Sigmoid", ("LOGISTIC",)),
    ("TanH", ("TANH",)),
    ("Clamp", ("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1")),
    ("ReLU", ("RELU",)),
    ("LeakyReLU", ("LEAKY_RELU",)),
    ("PReLU", ("PRELU",)),
    ("HardSwish", ("HARD_SWISH",)),
    ("ELU", ("ELU",)),
    ("GELU", ("GELU",)),
    ("ApproxGELU", ("GELU",)),
    ("Convert", ("QUANTIZE", "DEQUANTIZE", "CAST")),
    ("Copy", ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "CONCATENATION", "SPLIT", "EVEN_SPLIT", "PACK", "UNPACK")),
    ("Static Reshape", ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")),
    ("Static Expand Dims", ("EXPAND_DIMS", "RESHAPE")),
    ("Split Dims", ("RESHAPE",)),
    ("Fuse Dims", ("RESHAPE",)),
    ("Concatenate", ("CONCATENATION",)),
    ("Transpose", ("TRANSPOSE",)),
    ("Constant Pad", ("PAD", "PADV2")),
    ("Slice", ("SLICE", "STRIDED_SLICE", "SPLIT")),
    ("Depth To Space", ("DEPTH_TO_SPACE",)),
    ("Space To Depth", ("SPACE_TO_DEPTH",)),
    ("Resize Bilinear", ("RESIZE_BILINEAR",)),
    ("Add", ("ADD",)),
    ("Subtract", ("SUB",)),
    ("Multiply", ("MUL",)),
    ("Divide", ("DIV",)),
    ("Minimum", ("MINIMUM",)),
    ("Maximum", ("MAXIMUM",)),
    ("Squared Difference", ("SQUARED_DIFFERENCE",)),
    ("Reciprocal Square Root", ("RSQRT",)),
    ("Square Root", ("SQRT",)),
    ("Square", ("SQUARE",)),
    ("Negate", ("NEG",)),
    ("Ceiling", ("CEIL",)),
    ("Bankders Rounding", ("ROUND",)),
    ("Cosine", ("COS",)),
    ("Sine", ("SIN",)),
)
_HELPERS = ("Convert", "Copy", "Constant Pad", "Transpose", "Pack LH", "Static Reshape", "Slice", "Sum")
"""Kernels that an operator that computes may need beside its own."""
_WRONG, _HELPING, _AGAIN = 10.0, 1.0, 0.1
_MOST = 4_000_000


def assign(kernels: Sequence[str], kinds: Sequence[str]) -> list[int] | None:
    """Return for each kernel the place in `kinds` of its operator; both are in the order in which they run.

    None when they cannot be told apart: there are no operators, or too many of both.
    """
    if not kinds or len(kernels) * len(kinds) > _MOST:
        return None
    rows, steps = _costs(kernels, kinds)
    last = min(range(2 * len(kinds)), key=lambda state: rows[state] + _rest(kinds, state))
    places: list[int] = []
    state = last
    for number in range(len(kernels), 0, -1):
        places.append(state // 2)
        state = steps[number - 1][state]
    return places[::-1]


def _costs(kernels: Sequence[str], kinds: Sequence[str]) -> tuple[list[float], list[list[int]]]:
    """Return the least cost of each state after all kernels, and from which state each step came.

    State 2k + 1: the last kernel was given to operator k. State 2k is only the one before the first kernel, k = 0.
    """
    infinite = float("inf")
    skips = [_skip(kind) for kind in kinds]
    before = [0.0] + [infinite] * (2 * len(kinds) - 1)
    steps: list[list[int]] = []
    for kernel in kernels:
        after, came = [infinite] * (2 * len(kinds)), [0] * (2 * len(kinds))
        best, origin = infinite, 0  # the cheapest way to stand at operator k, with none given to it yet
        for k, kind in enumerate(kinds):
            if k == 0:
                best, origin = before[0], 0
            else:
                skipped = best + skips[k - 1]
                given = before[2 * k - 1]
                best, origin = (skipped, origin) if skipped <= given else (given, 2 * k - 1)
            cost = _mismatch(kernel, kind)
            again = before[2 * k + 1] + _AGAIN
            after[2 * k + 1], came[2 * k + 1] = (best + cost, origin) if best <= again else (again + cost, 2 * k + 1)
        before = after
        steps.append(came)
    return before, steps


def _rest(kinds: Sequence[str], state: int) -> float:
    """Return the cost of the operators that are left when the last kernel is in `state`."""
    first = state // 2 + 1 if state % 2 else state // 2
    return sum(map(_skip, kinds[first:]))


def _skip(kind: str) -> float:
    return 0.2 if kind in _FREE else 6.0 if kind in _COMPUTES else 2.0


@lru_cache(maxsize=4096)
def _mismatch(kernel: str, kind: str) -> float:
    """Return 0 when `kernel` is one for `kind`, more when it may help it, most when it is for another."""
    said = next((kinds for start, kinds in _SAYS if kernel.removeprefix("Dynamic ").startswith(start)), None)
    if said and kind in said:
        return 0.3 if ("DWConv" in kernel) != (kind == "DEPTHWISE_CONV_2D") and "Convolution" in kernel else 0.0
    name = kernel.split("(")[0].strip().replace(" ", "_").upper()
    if name == kind:
        return 0.0
    if kernel.startswith(_HELPERS):
        return _HELPING if kind in _COMPUTES else 2 * _HELPING
    return 3.0 if said is None else _WRONG
