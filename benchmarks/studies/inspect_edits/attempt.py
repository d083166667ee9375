"""Write an edited file down in another order and without names, and compare it with what it was."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import flatbuffers

from benchmarks.studies.inspect_edits.edits import Edit
from optkit.inspect.differences import Difference, compare_graphs
from optkit.inspect.reading import read_graphs
from optkit.tflite.verify import verify


def written_anew(model: Any, rng: random.Random) -> bytes:
    """Write a model without names, with tensors, buffers, codes and operators in another order."""
    graph = model.subgraphs[0]
    order = rng.sample(range(len(graph.tensors)), len(graph.tensors))
    number = {old: new for new, old in enumerate(order)} | {-1: -1}
    graph.tensors = [graph.tensors[old] for old in order]
    for owner in (graph, *graph.operators):
        owner.inputs = [number[int(index)] for index in owner.inputs]
        owner.outputs = [number[int(index)] for index in owner.outputs]
    graph.operators = _other_order(graph, rng)
    codes = rng.sample(range(len(model.operatorCodes)), len(model.operatorCodes))
    for operator in graph.operators:
        operator.opcodeIndex = codes.index(int(operator.opcodeIndex))
    model.operatorCodes = [model.operatorCodes[old] for old in codes]
    buffers = [0, *rng.sample(range(1, len(model.buffers)), len(model.buffers) - 1)]
    for tensor in graph.tensors:
        tensor.buffer, tensor.name = buffers.index(int(tensor.buffer)), None
    model.buffers = [model.buffers[old] for old in buffers]
    model.signatureDefs = model.metadata = model.metadataBuffer = None
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _other_order(graph: Any, rng: random.Random) -> list[Any]:
    """Return the operators in another order in which each runs behind what it reads."""
    made = {int(index): operator for operator in graph.operators for index in operator.outputs}
    left, found = list(graph.operators), []
    while left:
        ready = [o for o in left if all(made.get(int(i)) is None or made[int(i)] in found for i in o.inputs)]
        chosen = rng.choice(ready)
        left.remove(chosen)
        found.append(chosen)
    return found


def try_edit(base: bytes, edit: Edit, rng: random.Random) -> tuple[bool, list[Difference]] | None:
    """Make one edit; return whether it was found, and what was told wrongly. None when it cannot be made there."""
    base_model, head_model = (verify(base, Path("base")) for _ in range(2))
    operators = list(head_model.subgraphs[0].operators)
    edited = edit(head_model, rng)
    if edited is None:
        return None
    place = operators.index(edited.operator) if edited.gone else -1
    head = written_anew(head_model, rng)
    number = (
        place
        if edited.gone
        else next(i for i, o in enumerate(head_model.subgraphs[0].operators) if o is edited.operator)
    )
    again = verify(head, Path("head"))
    found = compare_graphs(read_graphs(base_model), read_graphs(again), base_model, again).found
    right = [one for one in found if one.kind == edited.kind and (one.base if edited.gone else one.head) == number]
    allowed = {"shape": ("shape", "quantization")}.get(edited.kind, (edited.kind,))
    wrong = [
        one
        for one in found
        if not (one.kind in allowed and (one.base if edited.gone else one.head) == number)
        and not (edited.kind == "shape" and one.follows == number)
    ]
    return bool(right), wrong


def nothing_is_found(base: bytes, rng: random.Random) -> bool:
    """Tell whether a file that is only written down in another order differs in nothing."""
    first, second = (verify(base, Path("base")) for _ in range(2))
    again = verify(written_anew(second, rng), Path("head"))
    return not compare_graphs(read_graphs(first), read_graphs(again), first, again).found


def packed(model: Any) -> bytes:
    """Return a ModelT as the bytes of a file."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
