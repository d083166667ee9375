"""1x1 convolutions as dense layers, and back: so that the quantizer's algorithms for dense layers serve them as well.

A 1x1 convolution with a stride of 1 is a dense layer that is applied at every place: the same sums. The finished file
has convolutions again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optkit.convert.quantizer_recipe import scope_of
from optkit.tflite.flatbuffer import is_constant, operator_name, parse_flatbuffer

Moved = Mapping[str, Any]
"""The convolutions that became dense layers: their options, by the names of their outputs."""


def as_dense(model: bytes) -> tuple[bytes, Moved]:
    """Return the .tflite `model` with dense layers for its 1x1 convolutions, and which these are."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    tree = parse_flatbuffer(model)
    moved: dict[str, Any] = {}
    for graph in tree.subgraphs:
        for operator in graph.operators:
            if not _is_pointwise(tree, graph, operator):
                continue
            options = operator.builtinOptions
            moved[scope_of(graph, operator)] = options
            weights = graph.tensors[int(operator.inputs[1])]
            weights.shape, weights.shapeSignature = [int(weights.shape[0]), int(weights.shape[3])], None
            operator.opcodeIndex = _code(tree, schema.BuiltinOperator.FULLY_CONNECTED)
            operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
            operator.builtinOptions = schema.FullyConnectedOptionsT(
                fusedActivationFunction=options.fusedActivationFunction, keepNumDims=True
            )
    return (bytes(flatbuffer_utils.convert_object_to_bytearray(tree)), moved) if moved else (model, moved)


def as_convolutions(data: bytes, moved: Moved) -> bytes:
    """Return the .tflite file `data`, made of what `as_dense` gave, with the convolutions again."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    if not moved:
        return data
    tree = parse_flatbuffer(data)
    for graph in tree.subgraphs:
        made = {int(index): operator for operator in graph.operators for index in operator.outputs}
        for operator in graph.operators:
            options = moved.get(scope_of(graph, operator))
            if options is None or operator_name(tree, operator) != "FULLY_CONNECTED":
                continue
            index = int(operator.inputs[1])
            while index in made:  # float16 weights pass through DEQUANTIZE: every form of them has the shape
                _reshape(graph.tensors[index])
                index = int(made[index].inputs[0])
            _reshape(graph.tensors[index])
            operator.opcodeIndex = _code(tree, schema.BuiltinOperator.CONV_2D)
            operator.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
            operator.builtinOptions = options
    return bytes(flatbuffer_utils.convert_object_to_bytearray(tree))


def _is_pointwise(model: Any, graph: Any, operator: Any) -> bool:
    if operator_name(model, operator) != "CONV_2D":
        return False
    index, options = int(operator.inputs[1]), operator.builtinOptions
    weights, given = graph.tensors[index], graph.tensors[int(operator.inputs[0])]
    readers = sum(int(read) == index for one in graph.operators for read in one.inputs)
    small = [int(size) for size in weights.shape[1:3]] == [1, 1] and (options.strideH, options.strideW) == (1, 1)
    whole = int(weights.shape[3]) == int(given.shape[-1])  # not in groups
    return small and whole and readers == 1 and is_constant(model, weights)


def _reshape(tensor: Any) -> None:
    tensor.shape, tensor.shapeSignature = [int(tensor.shape[0]), 1, 1, int(tensor.shape[1])], None


def _code(model: Any, kind: int) -> int:
    """Return the number of the operator code of `kind`, added where there is none."""
    from ai_edge_litert import schema_py_generated as schema

    for number, code in enumerate(model.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) == kind and not code.customCode:
            return number
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = kind
    code.version = 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1
