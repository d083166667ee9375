"""What a converter left in a graph that computes nothing new: arithmetic on shapes, pairs that undo each other.

Law: only what the graph itself proves is named. `convert` says whether optkit's own conversion takes it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optkit.inspect.operators import GraphInfo, Operator, TensorInfo
from optkit.tflite.fold import foldable
from optkit.tflite.pairs import pairs_to_undo
from optkit.tflite.tensors import held

_SHAPES = ("SHAPE", "STRIDED_SLICE", "PACK")
_RESHAPES = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
_UNPACKING = ("DEQUANTIZE", "DENSIFY")


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """Operators that could go. `kind` is one of `shape arithmetic`, `type pair`, `transpose pair`, `reshape pair`,
    `constant`; `convert` tells whether a conversion by optkit takes them out."""

    kind: str
    operators: tuple[int, ...]
    text: str
    convert: bool


def find_leftovers(model: Any, graph: GraphInfo) -> tuple[Leftover, ...]:
    """Return what could go from `graph`, subgraph `graph.index` of a verified ModelT, in its order."""
    found = [*_shape_arithmetic(graph), *_pairs(model, graph), *_constants(model, graph)]
    return tuple(sorted(found, key=lambda one: one.operators))


def _users(graph: GraphInfo) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for operator in graph.operators:
        for index in operator.inputs:
            found.setdefault(index, []).append(operator.index)
    return found


def _shape_arithmetic(graph: GraphInfo) -> Iterator[Leftover]:
    """Find reshapes whose shape is packed together while the model runs."""
    makers, users = graph.makers(), _users(graph)
    for operator in graph.operators:
        if operator.kind != "RESHAPE" or len(operator.inputs) != 2 or operator.inputs[1] not in makers:
            continue
        pack = graph.operators[makers[operator.inputs[1]]]
        if pack.kind != "PACK":
            continue
        feeding = _feeding(graph, makers, pack.index)
        alone = [i for i in feeding if _only_for(graph, users, i, {*feeding, operator.index})]
        computed = [index for index in pack.inputs if not graph.tensors[index].constant]
        title = f" {operator.layer}" if operator.layer else ""
        yield Leftover(
            kind="shape arithmetic",
            operators=(*sorted(alone), operator.index),
            text=f"{', '.join(graph.operators[i].kind for i in sorted(feeding))} compute the shape of RESHAPE{title}; "
            "a constant with -1 says the same",
            convert=len(computed) == 1,
        )


def _feeding(graph: GraphInfo, makers: dict[int, int], start: int) -> set[int]:
    found, left = {start}, [start]
    while left:
        for index in graph.operators[left.pop()].inputs:
            number = makers.get(index)
            if number is not None and number not in found and graph.operators[number].kind in _SHAPES:
                found.add(number)
                left.append(number)
    return found


def _only_for(graph: GraphInfo, users: dict[int, list[int]], number: int, inside: set[int]) -> bool:
    outputs = graph.operators[number].outputs
    return not set(outputs) & set(graph.outputs) and all(
        user in inside for index in outputs for user in users.get(index, [])
    )


def _pairs(model: Any, graph: GraphInfo) -> Iterator[Leftover]:
    """Find operators that undo the one before them."""
    makers = graph.makers()
    gone = {(pair.first, pair.second) for pair in pairs_to_undo(model, model.subgraphs[graph.index])}
    for second in graph.operators:
        if not second.inputs or second.inputs[0] not in makers:
            continue
        first = graph.operators[makers[second.inputs[0]]]
        if not first.inputs or first.inputs[0] < 0:
            continue
        for kind, undoes, text in _PAIRS:
            if undoes(model, graph, first, second):
                told = f"{first.kind}, then {second.kind} {second.layer}".rstrip()
                both = (first.index, second.index)
                yield Leftover(kind=kind, operators=both, text=f"{told}: {text}", convert=both in gone)


def _same_type(model: Any, graph: GraphInfo, first: Operator, second: Operator) -> bool:
    if (first.kind, second.kind) != ("DEQUANTIZE", "QUANTIZE"):
        return False
    before, after = graph.tensors[first.inputs[0]], graph.tensors[second.outputs[0]]
    return (before.dtype, before.quantization) == (after.dtype, after.quantization)


def _rounds(model: Any, graph: GraphInfo, first: Operator, second: Operator) -> bool:
    return (first.kind, second.kind) == ("QUANTIZE", "DEQUANTIZE")


def _turns_back(model: Any, graph: GraphInfo, first: Operator, second: Operator) -> bool:
    if (first.kind, second.kind) != ("TRANSPOSE", "TRANSPOSE"):
        return False
    one, other = (_permutation(model, graph, operator) for operator in (first, second))
    if one is None or other is None or len(one) != len(other):
        return False
    return [one[place] for place in other] == list(range(len(one)))


def _permutation(model: Any, graph: GraphInfo, operator: Operator) -> list[int] | None:
    tensor = graph.tensors[operator.inputs[1]] if len(operator.inputs) > 1 else None
    if tensor is None or not tensor.constant or tensor.dtype != "int32":
        return None
    values = np.frombuffer(np.asarray(held(model, tensor), np.uint8).tobytes(), "<i4")
    return [int(v) for v in values] if sorted(values.tolist()) == list(range(len(values))) else None


def _reshapes_again(model: Any, graph: GraphInfo, first: Operator, second: Operator) -> bool:
    users = _users(graph).get(first.outputs[0], []) if first.kind == second.kind == "RESHAPE" else []
    return len(users) == 1 and first.outputs[0] not in graph.outputs


_Undoes = Callable[[Any, GraphInfo, Operator, Operator], bool]
_PAIRS: Sequence[tuple[str, _Undoes, str]] = (
    ("type pair", _same_type, "the integers stay what they were; both can go"),
    ("type pair", _rounds, "real values are rounded and made real again; it costs time and changes values"),
    ("transpose pair", _turns_back, "the second turns back the first; both can go"),
    ("reshape pair", _reshapes_again, "the first changes nothing; it can go"),
)


def _constants(model: Any, graph: GraphInfo) -> Iterator[Leftover]:
    """Find operators that read only constants: what they make could stand in the file."""
    fixed: set[int] = set()
    folded = set(foldable(model, model.subgraphs[graph.index]))

    def known(index: int) -> bool:
        tensor: TensorInfo = graph.tensors[index]
        return tensor.constant or index in fixed

    for operator in graph.operators:
        inputs = [index for index in operator.inputs if index >= 0]
        pure = operator.kind not in (*_STATEFUL, *_UNPACKING) and not operator.custom and operator.known
        if inputs and pure and all(map(known, inputs)):
            fixed.update(operator.outputs)
            yield Leftover(
                kind="constant",
                operators=(operator.index,),
                text=f"{operator.title} reads constants only; its result could stand in the file",
                convert=operator.index in folded,
            )


_STATEFUL = (
    "CALL_ONCE",
    "VAR_HANDLE",
    "ASSIGN_VARIABLE",
    "READ_VARIABLE",
    "RANDOM_UNIFORM",
    "RANDOM_STANDARD_NORMAL",
    "MULTINOMIAL",
    "STABLEHLO_RNG_BIT_GENERATOR",
    "HASHTABLE",
    "HASHTABLE_FIND",
    "HASHTABLE_IMPORT",
    "HASHTABLE_SIZE",
    "WHILE",
    "IF",
    "CALL",
)
