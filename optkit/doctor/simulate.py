"""The float file with some of its layers as the quantized file has them: the rest stays float.

A layer's constants take the real values that its integers stand for. Behind its output stand QUANTIZE and DEQUANTIZE
with the quantized file's scale. So one layer can be quantized alone, or restored alone, whoever made the quantized
file, and without making it again. What this does not show is the arithmetic of integer kernels: sums that overflow,
and rounding within an operator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from optkit.doctor.matching import Layer
from optkit.tflite.flatbuffer import parse_flatbuffer, tensor_name
from optkit.tflite.tensors import listed, numbers
from optkit.tflite.view import Form, write_floats

Part = Literal["weights", "bias", "activation"]
PARTS: tuple[Part, ...] = ("weights", "bias", "activation")


def parts_of(layer: Layer) -> tuple[Part, ...]:
    """Return which parts of a layer the quantized file stores in another way."""
    there: dict[Part, bool] = {
        "weights": any(index != layer.bias for index in layer.constants),
        "bias": layer.bias in layer.constants,
        "activation": bool(layer.chain),
    }
    return tuple(part for part in PARTS if there[part])


def simulated(content: bytes, chosen: Mapping[Layer, Iterable[Part]]) -> bytes:
    """Return the float .tflite file `content` with these parts of these layers as the quantized file has them."""
    from ai_edge_litert.tools import flatbuffer_utils

    model = parse_flatbuffer(content)
    graph = model.subgraphs[0]
    for layer, parts in chosen.items():
        for index, values in layer.constants.items():
            if ("bias" if index == layer.bias else "weights") in parts:
                write_floats(model, graph.tensors[index], values)
    for layer, parts in chosen.items():
        if "activation" in parts:
            for form in layer.chain:
                _insert(model, graph, layer.output, form)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _insert(model: Any, graph: Any, index: int, form: Form) -> None:
    """Let all that reads tensor `index`, the model's outputs too, read it quantized and dequantized again."""
    from ai_edge_litert import schema_py_generated as schema

    kinds = schema.BuiltinOperator
    source = graph.tensors[index]
    whole, real = (_like(source, f"{tensor_name(source)}/optkit_{what}_{len(graph.tensors)}") for what in "qd")
    whole.type = getattr(schema.TensorType, form.dtype.upper())
    whole.quantization = schema.QuantizationParametersT()
    whole.quantization.scale, whole.quantization.zeroPoint = [form.scale], [form.zero_point]
    first = len(graph.tensors)
    graph.tensors += [whole, real]
    for operator in listed(graph.operators):
        operator.inputs = [first + 1 if i == index else i for i in numbers(operator.inputs).tolist()]
    graph.outputs = [first + 1 if i == index else i for i in numbers(graph.outputs).tolist()]
    for signature in listed(model.signatureDefs):
        for entry in listed(signature.outputs):
            if signature.subgraphIndex == 0 and entry.tensorIndex == index:
                entry.tensorIndex = first + 1
    made = [n for n, operator in enumerate(graph.operators) if index in numbers(operator.outputs).tolist()]
    place = made[0] + 1 if made else 0
    quantize = _operator(model, kinds.QUANTIZE, schema.BuiltinOptions.QuantizeOptions, schema.QuantizeOptionsT())
    back = _operator(model, kinds.DEQUANTIZE, schema.BuiltinOptions.DequantizeOptions, schema.DequantizeOptionsT())
    quantize.inputs, quantize.outputs = [index], [first]
    back.inputs, back.outputs = [first], [first + 1]
    graph.operators = [*graph.operators[:place], quantize, back, *graph.operators[place:]]


def _like(source: Any, name: str) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    made = schema.TensorT()
    made.shape, made.shapeSignature, made.hasRank = source.shape, source.shapeSignature, source.hasRank
    made.type, made.buffer, made.name = source.type, 0, name.encode()
    return made


def _operator(model: Any, kind: int, options_type: int, options: Any) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    codes = listed(model.operatorCodes)
    number = next((n for n, code in enumerate(codes) if code.builtinCode == kind and code.version >= 2), None)
    if number is None:
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = kind  # both are below 127
        code.version = 2
        model.operatorCodes = [*codes, code]
        number = len(codes)
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.builtinOptionsType, operator.builtinOptions = number, options_type, options
    return operator
