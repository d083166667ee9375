"""Changes of a float network that leave its outputs as they were, and make it hard to quantize."""

from __future__ import annotations

from typing import Any

import numpy as np

from optkit.convert.equalize import Pair, find_pairs
from optkit.doctor.naming import names_of
from optkit.tflite.flatbuffer import parse_flatbuffer
from optkit.tflite.tensors import numbers
from optkit.tflite.view import View, write_floats


class Impossible(Exception):
    """The network has no place for this fault."""


def packed(model: Any) -> bytes:
    """Return the bytes of a changed ModelT."""
    from ai_edge_litert.tools import flatbuffer_utils

    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def scaled_channels(content: bytes, rng: np.random.Generator, worse: float) -> tuple[bytes, tuple[str, ...]]:
    """Return the network with some channels a hundred times as large, and the two layers that were changed."""
    model = parse_flatbuffer(content)
    view = View(model)
    pairs = find_pairs(view)
    if not pairs:
        raise Impossible("no two layers pass a factor on")
    pair: Pair = pairs[int(rng.integers(0, len(pairs)))]
    values = {index: view.values(index) for index, _ in (*pair.divided, pair.multiplied)}
    channels = values[pair.divided[0][0]].shape[pair.divided[0][1]]
    factors = np.ones(channels)
    chosen = rng.permutation(channels)[: max(1, round(0.05 * worse * channels))]
    factors[chosen] = 100.0
    for index, axis in pair.divided:
        write_floats(model, view.tensors[index], values[index] * along(factors, values[index].ndim, axis))
    index, axis = pair.multiplied
    write_floats(model, view.tensors[index], values[index] / along(factors, values[index].ndim, axis))
    owner = next(node for node in view.nodes if pair.divided[0][0] in node.constants.values())
    after = [node for node in view.nodes if owner.outputs[0] in node.inputs and node.kind in ("ADD", "RELU")]
    reader = next(node for node in view.nodes if pair.multiplied[0] in node.constants.values())
    names = names_of(view)
    return packed(model), tuple(names[node.number].name for node in (owner, *after, reader))


def along(factors: Any, rank: int, axis: int) -> Any:
    """Return factors (channels,) in a shape that multiplies along an axis."""
    shape = [1] * rank
    shape[axis] = len(factors)
    return factors.reshape(shape)


def with_normalization(content: bytes, rng: np.random.Generator, worse: float) -> tuple[bytes, tuple[str, ...]]:
    """Return the network with a product and a sum between two layers, and the names of both."""
    from ai_edge_litert import schema_py_generated as schema

    model = parse_flatbuffer(content)
    view = View(model)
    pairs = [pair for pair in find_pairs(view) if pair.sized == 1]
    if not pairs:
        raise Impossible("no two layers pass a factor on")
    pair = pairs[int(rng.integers(0, len(pairs)))]
    owner = next(node for node in view.nodes if pair.divided[0][0] in node.constants.values())
    source = owner.outputs[0]
    channels = view.shape(source)[-1]
    factors = 10 ** rng.uniform(-1.5 - 0.5 * worse, 0, channels)
    index, axis = pair.multiplied
    weights = view.values(index)
    write_floats(model, view.tensors[index], weights / along(factors, weights.ndim, axis))
    graph, made = model.subgraphs[0], source
    place = owner.number + 1
    readers = [operator for operator in graph.operators if source in numbers(operator.inputs).tolist()]
    for kind, values, options in (("MUL", factors, schema.MulOptionsT()), ("ADD", 0 * factors, schema.AddOptionsT())):
        constant, result = schema.TensorT(), schema.TensorT()
        constant.shape, constant.name, constant.type = [channels], f"normal/{kind.lower()}_by".encode(), 0
        write_floats(model, constant, values)
        origin = graph.tensors[source]
        result.shape, result.shapeSignature, result.type = origin.shape, origin.shapeSignature, 0
        result.name, result.buffer, result.hasRank = f"normal/{kind.lower()}".encode(), 0, origin.hasRank
        first = len(graph.tensors)
        graph.tensors += [constant, result]
        operator = schema.OperatorT()
        operator.opcodeIndex = _code(model, getattr(schema.BuiltinOperator, kind))
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, f"{kind.title()}Options")
        operator.builtinOptions = options
        operator.inputs, operator.outputs = [made, first], [first + 1]
        graph.operators.insert(place, operator)
        place, made = place + 1, first + 1
    for reader in readers:
        reader.inputs = [made if i == source else i for i in numbers(reader.inputs).tolist()]
    plain = packed(model)
    names = names_of(View(parse_flatbuffer(plain)))
    return plain, (names[owner.number + 1].name, names[owner.number + 2].name)


def _code(model: Any, kind: int) -> int:
    from ai_edge_litert import schema_py_generated as schema

    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = kind
    code.version = 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1
