"""What would not run on hardware that is not here: operators and types of a file against published lists.

Law: a list says what is refused, never what will run: shapes, options and versions decide as well, and only the
hardware's own compiler or delegate knows those. So nothing here is ever called fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from optkit.errors import OptkitError, nearest
from optkit.inspect.operators import GraphInfo, Operator

_INTEGERS = frozenset({"int2", "int4", "int8", "uint8", "int16", "int32", "int64", "bool"})
_FLOATS = frozenset({"float32", "float16"})


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """A list: `operators` that are known there (None: any), and `types` of the tensors that operators compute.

    `source` is where it was read and `read` when, as year and month.
    """

    name: str
    title: str
    source: str
    read: str
    operators: frozenset[str] | None
    types: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Objection:
    """An operator that would not run, by its number, and why."""

    operator: int
    kind: str
    why: str


# The whole first column of the table, and what Edge TPU calls LSTM under both of its names here (unidirectional only).
_EDGE_TPU = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D EXPAND_DIMS FULLY_CONNECTED L2_NORMALIZATION LOGISTIC LSTM
MAXIMUM MAX_POOL_2D MEAN MINIMUM MUL PACK PAD PRELU QUANTIZE REDUCE_MAX REDUCE_MIN RELU RELU6 RELU_N1_TO_1 RESHAPE
RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SQUARED_DIFFERENCE SQUEEZE
STRIDED_SLICE SUB SUM TANH TRANSPOSE TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM
"""
_GPU = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D EXP FULLY_CONNECTED LOGICAL_AND LOGISTIC LSTM MAX_POOL_2D
MAXIMUM MINIMUM MUL PAD PRELU RELU RELU6 RESHAPE RESIZE_BILINEAR SOFTMAX STRIDED_SLICE SUB TRANSPOSE_CONV
"""

HARDWARE: dict[str, Hardware] = {
    "edge_tpu": Hardware(
        name="edge_tpu",
        title="Coral Edge TPU",
        source="coral.ai/docs/edgetpu/models-intro, table 1 (compiler 16)",
        read="2026-11",
        operators=frozenset(_EDGE_TPU.split()),
        types=frozenset({"int8", "uint8", "int32"}),
    ),
    "gpu": Hardware(
        name="gpu",
        title="TensorFlow Lite's GPU delegate",
        source="tensorflow.org/lite/performance/gpu",
        read="2026-11",
        operators=frozenset(_GPU.split()),
        types=_FLOATS | {"int8", "uint8"},
    ),
    "integer_only": Hardware(
        name="integer_only",
        title="hardware without floating point",
        source="no list: by types alone",
        read="2026-11",
        operators=None,
        types=_INTEGERS,
    ),
}


def find_hardware(name: str) -> Hardware:
    """Return the list called `name`. Raises OptkitError, naming the nearest, when there is none."""
    if name not in HARDWARE:
        raise OptkitError(f"there is no hardware {name!r}; {nearest(name, HARDWARE)}")
    return HARDWARE[name]


def objections(graph: GraphInfo, hardware: Hardware) -> tuple[Objection, ...]:
    """Return, in the order of the graph, the operators that would not run on `hardware`."""
    return tuple(
        Objection(operator=operator.index, kind=operator.kind, why=why)
        for operator in graph.operators
        if (why := "; ".join(_why_not(graph, operator, hardware)))
    )


def _why_not(graph: GraphInfo, operator: Operator, hardware: Hardware) -> Iterator[str]:
    if operator.custom:
        yield "it is a custom operator"
    elif hardware.operators is not None and operator.kind not in hardware.operators:
        yield "the operator is not in the list"
    tensors = [graph.tensors[index] for index in (*operator.inputs, *operator.outputs) if index >= 0]
    computed = dict.fromkeys(tensor.dtype for tensor in tensors if not tensor.constant)
    if wrong := [dtype for dtype in computed if dtype not in hardware.types]:
        yield f"it computes in {' and '.join(wrong)}"
    weights = operator.weights
    if weights and not wrong and weights not in hardware.types:
        yield f"its weights are {weights}"
