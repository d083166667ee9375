"""Whether the operators of a model's subgraphs fit together: each index names something, and each input is there.

Source: the checks of TensorFlow Lite's own verifier (tensorflow/lite/core/tools/verifier.cc: an operator reads what
is constant, an input, a variable, or made before it, and makes what nothing else does), and of its interpreter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from optkit.tflite.structure import Damaged
from optkit.tflite.tensors import held, listed, numbers

MAX_NESTING = 32
"""Subgraphs that run within each other. LiteRT runs them on the stack."""

# Operators that run other subgraphs, and the options that say which: without, LiteRT takes subgraph 0.
_CONTROL = {118: "IfOptions", 119: "WhileOptions", 129: "CallOnceOptions"}
# How many inputs an operator with weights cannot do without: CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED,
# TRANSPOSE_CONV, CONV_3D. Where LiteRT looks for one that is -1, what happens is left to chance.
_REQUIRED = {3: 2, 4: 2, 9: 2, 67: 3, 132: 2}
_SUBGRAPHS = (
    "thenSubgraphIndex",
    "elseSubgraphIndex",
    "condSubgraphIndex",
    "bodySubgraphIndex",
    "subgraph",
    "initSubgraphIndex",
    "comparatorSubgraphIndex",
    "updateComputationSubgraphIndex",
    "decompositionSubgraphIndex",
    "branchSubgraphIndices",
    "calledComputations",
)


def check_subgraph(model: Any, index: int, size: int) -> None:
    """Check the inputs, outputs and operators of a subgraph of a file of `size` bytes. Raises Damaged."""
    graph = model.subgraphs[index]
    tensors = listed(graph.tensors)
    where = f"subgraph {index}"
    _check_indices(graph.inputs, len(tensors), f"{where} takes")
    _check_indices(graph.outputs, len(tensors), f"{where} returns")
    given = set(numbers(graph.inputs).tolist())
    fixed = {i for i, tensor in enumerate(tensors) if _is_fixed(model, tensor)}
    there = given | fixed
    nothing = {i for i, tensor in enumerate(tensors) if _is_empty(tensor)}  # there to be read, made or not
    for number, operator in enumerate(listed(graph.operators)):
        what = f"operator {number} of {where}"
        _check_operator(model, operator, len(tensors), size, what)
        missing = set(numbers(operator.inputs).tolist()) - there - nothing - {-1}
        if missing:
            raise Damaged(f"{what} reads tensor {min(missing)}, which nothing before it makes")
        made = numbers(operator.outputs).tolist()
        again = there & set(made)
        if again or len(set(made)) != len(made):
            raise Damaged(f"{what} makes tensor {min(again or made)}, which is there already")
        there.update(made)
    missing = set(numbers(graph.outputs).tolist()) - there - nothing
    if missing:
        raise Damaged(f"{where} returns tensor {min(missing)}, which no operator makes")


def _is_fixed(model: Any, tensor: Any) -> bool:
    """Tell whether a tensor needs nothing to make it: a constant with bytes, or a variable."""
    return bool(tensor.isVariable) or len(held(model, tensor)) > 0


def _is_empty(tensor: Any) -> bool:
    return tensor.shape is not None and len(tensor.shape) > 0 and math.prod(map(int, tensor.shape)) == 0


def _check_indices(values: Any, count: int, what: str, lowest: int = 0) -> None:
    found = numbers(values)
    if len(found) and not lowest <= found.min() <= found.max() < count:
        wrong = found[(found < lowest) | (found >= count)][0]
        raise Damaged(f"{what} tensor {wrong} of {count}")


def _check_operator(model: Any, operator: Any, tensors: int, size: int, what: str) -> None:
    codes = listed(model.operatorCodes)
    if operator.opcodeIndex >= len(codes):
        raise Damaged(f"{what} is of kind {operator.opcodeIndex} of {len(codes)}")
    _check_indices(operator.inputs, tensors, f"{what} reads", lowest=-1)
    _check_indices(operator.outputs, tensors, f"{what} makes")
    _check_indices(operator.intermediates, tensors, f"{what} uses", lowest=-1)
    if operator.largeCustomOptionsOffset + operator.largeCustomOptionsSize > size:
        raise Damaged(f"{what} has options beyond the end of the file")
    code = codes[operator.opcodeIndex]
    kind = max(code.builtinCode, code.deprecatedBuiltinCode)
    if -1 in numbers(operator.inputs)[: _REQUIRED.get(kind, 0)]:
        raise Damaged(f"{what} lacks an input that it cannot do without")
    needed = _CONTROL.get(kind)
    if needed and type(operator.builtinOptions).__name__ != f"{needed}T":
        raise Damaged(f"{what} lacks its {needed}")


def check_nesting(model: Any) -> None:
    """Check that the subgraphs that operators run exist, and do not run themselves. Raises Damaged."""
    count = len(model.subgraphs)
    runs = [sorted(set(_run_by(graph))) for graph in model.subgraphs]
    for index, others in enumerate(runs):
        for other in others:
            if not 0 <= other < count:
                raise Damaged(f"subgraph {index} runs subgraph {other} of {count}")
    level = set(range(count))
    for _ in range(MAX_NESTING):
        level = {other for index in level for other in runs[index]}
    if level:
        raise Damaged(f"subgraph {min(level)} runs itself, or subgraphs run {MAX_NESTING} deep")


def _run_by(graph: Any) -> Iterator[int]:
    for operator in listed(graph.operators):
        for options in (operator.builtinOptions, operator.builtinOptions2):
            for field in _SUBGRAPHS:
                value = getattr(options, field, None)
                if value is None:
                    continue
                for found in numbers(value).reshape(-1).tolist():
                    if not (found == -1 and field == "decompositionSubgraphIndex"):
                        yield found
