"""Pairs of operators of which the second undoes the first: two transposes, and real values made of integers and back.

TRANSPOSE, TRANSPOSE: the second order turns back the first. DEQUANTIZE, QUANTIZE: the integers come back with the type
and scale that they had. Both are exact: a transpose moves values, and scale * q divided by the scale is q to within a
few units of the last place of float32, where half an integer step would be needed to round to another one.

Law: what is taken out leaves every output as it was, to the bit. A pair whose end cannot be had otherwise stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from optkit.tflite.flatbuffer import is_constant, operator_name, tensor_type
from optkit.tflite.tensors import held, listed, numbers

_INTEGERS = ("int8", "uint8", "int16")
_SCALES = (1e-30, 1e30)
"""Within these neither a scale times an integer, nor the inverse of a scale, leaves what float32 holds exactly."""


@dataclass(frozen=True)
class Pair:
    """Operators number `first` and `second` of a subgraph; `before` and `after` are the tensors that are the same."""

    first: int
    second: int
    before: int
    after: int


def pairs_to_undo(model: Any, graph: Any) -> list[Pair]:
    """Return the pairs of `graph`, a subgraph of the ModelT `model`, that can be taken out, by their second."""
    makers = {
        index: place for place, operator in enumerate(listed(graph.operators)) for index in _of(operator, "outputs")
    }
    return [pair for pair in _pairs(model, graph, makers) if _can_go(graph, makers, pair)]


def undo_pairs(model: Any, graph: Any) -> list[Any]:
    """Take the second of each pair out of `graph`; return the first ones, which may be unused now."""
    left: list[Any] = []
    while found := pairs_to_undo(model, graph):
        pair = found[0]
        operators = listed(graph.operators)
        second = operators.pop(pair.second)
        left.append(operators[pair.first])
        graph.operators = operators
        if pair.after in set(numbers(graph.outputs).tolist()):
            # its name and its place in signatures are the caller's: so what makes `before` makes it in its place
            _replace(graph, "outputs", pair.before, pair.after)
            _replace(graph, "inputs", pair.before, pair.after)
        else:
            _replace(graph, "inputs", pair.after, pair.before)
        left = [operator for operator in left if operator is not second]
    return left


def _pairs(model: Any, graph: Any, makers: Mapping[int, int]) -> Iterator[Pair]:
    operators = listed(graph.operators)
    kinds = [operator_name(model, operator) for operator in operators]
    for number, second in enumerate(operators):
        read, made = _of(second, "inputs"), _of(second, "outputs")
        first = makers.get(read[0]) if read else None
        if first is None or len(made) != 1:
            continue
        source = _of(operators[first], "inputs")
        if not source or source[0] < 0:
            continue
        both, ends = (kinds[first], kinds[number]), (graph.tensors[source[0]], graph.tensors[made[0]])
        turned = both == ("TRANSPOSE", "TRANSPOSE") and _turned_back(model, graph, operators[first], second)
        back = both == ("DEQUANTIZE", "QUANTIZE") and tensor_type(graph.tensors[read[0]]) == "float32"
        if (turned or back) and _same(*ends, exact=back):
            yield Pair(first, number, source[0], made[0])


def _turned_back(model: Any, graph: Any, first: Any, second: Any) -> bool:
    one, other = (_order(model, graph, operator) for operator in (first, second))
    return bool(one) and len(one) == len(other) and [one[place] for place in other] == list(range(len(one)))


def _order(model: Any, graph: Any, operator: Any) -> list[int]:
    """Return the order of axes of a TRANSPOSE; empty when it is no constant."""
    read = _of(operator, "inputs")
    tensor = graph.tensors[read[1]] if len(read) > 1 and read[1] >= 0 else None
    if tensor is None or tensor_type(tensor) != "int32" or not is_constant(model, tensor):
        return []
    values = np.frombuffer(np.asarray(held(model, tensor), np.uint8).tobytes(), "<i4").tolist()
    return values if sorted(values) == list(range(len(values))) else []


def _same(before: Any, after: Any, *, exact: bool) -> bool:
    """Tell whether two tensors hold the same when the integers, or values, in them are: type, shape, quantization.

    `exact`: they must be integers with one scale, of a size with which going to float32 and back changes none.
    """
    if tensor_type(before) != tensor_type(after) or before.isVariable or after.isVariable:
        return False
    if numbers(before.shape).tolist() != numbers(after.shape).tolist():
        return False
    free = [numbers(tensor.shapeSignature).tolist() for tensor in (before, after)]
    if all(free) and free[0] != free[1]:  # a quantizer leaves it out of the tensors that it adds
        return False
    scales, points = zip(*(_quantization(tensor) for tensor in (before, after)), strict=True)
    if scales[0] != scales[1] or points[0] != points[1]:
        return False
    if not exact:
        return len(scales[0]) <= 1  # scales of single channels would have moved with their axis
    return tensor_type(before) in _INTEGERS and len(scales[0]) == 1 and _SCALES[0] <= scales[0][0] <= _SCALES[1]


def _quantization(tensor: Any) -> tuple[list[float], list[int]]:
    found = tensor.quantization
    if found is None or found.scale is None:
        return [], []
    return np.asarray(found.scale, np.float32).tolist(), numbers(found.zeroPoint).tolist()


def _can_go(graph: Any, makers: Mapping[int, int], pair: Pair) -> bool:
    """Tell whether what reads the end of a pair can have its beginning: an output must be made by an operator."""
    outputs, inputs = set(numbers(graph.outputs).tolist()), set(numbers(graph.inputs).tolist())
    if pair.after not in outputs:
        return True
    return pair.before in makers and pair.before not in outputs | inputs


def _replace(graph: Any, ends: str, old: int, new: int) -> None:
    """Put tensor `new` in place of `old` in the `inputs`, or `outputs`, of all operators."""
    for operator in listed(graph.operators):
        if old in (found := _of(operator, ends)):
            setattr(operator, ends, [new if index == old else index for index in found])


def _of(operator: Any, ends: str) -> list[int]:
    found: list[int] = numbers(getattr(operator, ends)).tolist()
    return found
