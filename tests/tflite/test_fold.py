"""Operators on constants are computed once: the file holds the result, and no output changes by a bit."""

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from optkit.convert.from_tflite import convert_tflite
from optkit.inspect.leftovers import find_leftovers
from optkit.inspect.reading import read_graphs
from optkit.runtime.chosen import loader
from optkit.spec import Conversion
from optkit.spec.running import Running
from optkit.tflite.flatbuffer import operator_name, parse_flatbuffer, tensor_type
from optkit.tflite.simplify import fold, simplify
from optkit.tflite.verify import verify
from tests.tflite.models import pack
from tests.tflite.networks import KIND, TYPE, Graph, classifier


def operators(data):
    model = parse_flatbuffer(data)
    return [operator_name(model, operator) for operator in model.subgraphs[0].operators]


def turned_weights(size=40, outputs=24):
    """A dense layer whose weights are transposed, scaled and shifted each time, and a computed shape before it."""
    graph = Graph(5)
    x = graph.add([1, 4, size // 4], "x")
    stored = graph.weights([size, outputs], "stored")
    axes = graph.add([2], "axes", TYPE.INT32, np.array([1, 0], np.int32))
    turned = graph.add([outputs, size], "turned", free=False)
    graph.apply(KIND.TRANSPOSE, [stored, axes], [turned], schema.TransposeOptionsT())
    by = graph.add([], "by", values=np.float32(1.7))
    scaled = graph.add([outputs, size], "scaled", free=False)
    graph.apply(KIND.MUL, [turned, by], [scaled], schema.MulOptionsT())
    sizes = [graph.add([], f"size{n}", TYPE.INT32, np.int32(n)) for n in (-1, size)]
    shape = graph.add([2], "shape", TYPE.INT32, free=False)
    graph.apply(KIND.PACK, sizes, [shape], schema.PackOptionsT(valuesCount=2))
    flat = graph.apply(KIND.RESHAPE, [x, shape], [graph.add([1, size], "flat")], schema.ReshapeOptionsT())
    y = graph.add([1, outputs], "y")
    bias = graph.weights([outputs], "bias")
    graph.apply(KIND.FULLY_CONNECTED, [flat, scaled, bias], [y], schema.FullyConnectedOptionsT())
    return graph.model([x], [y], ("x", "y"))


def outputs(data, x, tmp_path, **settings):
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    runner = loader(Running(settings=settings))(path, batch=len(x))
    return runner.scores(runner.invoke(runner.prepare(x)))


def shifted(width=12):
    """A sum with constants that are turned and negated each time; then a computed shape, and a dense layer."""
    graph = Graph(7)
    x = graph.add([1, 4, width // 4], "x")
    stored, axes = (
        graph.weights([width // 4, 4], "stored"),
        graph.add([2], "axes", TYPE.INT32, np.array([1, 0], np.int32)),
    )
    turned, minus = (graph.add([4, width // 4], name, free=False) for name in ("turned", "minus"))
    graph.apply(KIND.TRANSPOSE, [stored, axes], [turned], schema.TransposeOptionsT())
    graph.apply(KIND.NEG, [turned], [minus], schema.NegOptionsT())
    total = graph.apply(KIND.ADD, [x, minus], [graph.add([1, 4, width // 4], "total")], schema.AddOptionsT())
    sizes = [graph.add([], f"size{n}", TYPE.INT32, np.int32(n)) for n in (-1, width)]
    shape = graph.add([2], "shape", TYPE.INT32, free=False)
    graph.apply(KIND.PACK, sizes, [shape], schema.PackOptionsT(valuesCount=2))
    flat = graph.apply(KIND.RESHAPE, [total, shape], [graph.add([1, width], "flat")], schema.ReshapeOptionsT())
    return graph.model([x], [graph.dense(flat, width, 5, "logits")], ("x", "y"))


@pytest.mark.parametrize("settings", [{}, {"kernels": "builtin"}, {"kernels": "reference"}])
@pytest.mark.parametrize("batch", [1, 7, 32])
def test_what_is_computed_of_constants_is_folded_and_outputs_stay_equal(settings, batch, tmp_path):
    before = pack(shifted())
    after = simplify(before)
    assert operators(before) == ["TRANSPOSE", "NEG", "ADD", "PACK", "RESHAPE", "FULLY_CONNECTED"]
    assert operators(after) == ["ADD", "RESHAPE", "FULLY_CONNECTED"]
    assert len(after) < len(before)
    x = np.random.default_rng(batch).normal(size=(batch, 4, 3)).astype(np.float32)
    np.testing.assert_array_equal(outputs(after, x, tmp_path, **settings), outputs(before, x, tmp_path, **settings))
    assert simplify(after) == after


def test_weights_are_left_to_the_kernel_that_sums_them_unless_they_are_quantized(tmp_path):
    """Constant weights come to another kernel, whose sums differ in the last bits; a quantizer needs them constant."""
    data = pack(turned_weights())
    x = np.random.default_rng(1).normal(size=(16, 4, 10)).astype(np.float32)
    plain = simplify(data)
    assert operators(plain) == ["MUL", "RESHAPE", "FULLY_CONNECTED"]
    np.testing.assert_array_equal(outputs(plain, x, tmp_path), outputs(data, x, tmp_path))
    assert operators(fold(data, quantized_next=True)) == ["RESHAPE", "FULLY_CONNECTED"]
    found = convert_tflite(data, Conversion(mode="int8"), x, tried=True)
    model = parse_flatbuffer(found)
    [dense] = [one for one in model.subgraphs[0].operators if operator_name(model, one) == "FULLY_CONNECTED"]
    assert tensor_type(model.subgraphs[0].tensors[dense.inputs[1]]) == "int8"
    expected = outputs(data, x, tmp_path)
    assert np.abs(outputs(found, x, tmp_path) - expected).max() < 0.05 * np.ptp(expected)
    assert {one.convert for one in leftovers(data) if one.kind == "constant"} == {True, False}


def leftovers(data):
    verified = verify(data, Path("model"))
    return find_leftovers(verified, read_graphs(verified)[0])


def test_inspect_says_what_a_conversion_folds():
    data = pack(shifted())
    assert [(one.operators, one.convert) for one in leftovers(data) if one.kind == "constant"] == [
        ((0,), True), ((1,), True), ((3,), True),
    ]  # fmt: skip
    assert leftovers(simplify(data)) == ()


def kept(make):
    graph = Graph(3)
    x = graph.add([1, 4], "x")
    y = graph.add([1, 4], "y")
    graph.apply(KIND.ADD, [x, make(graph)], [y], schema.AddOptionsT())
    data = pack(graph.model([x], [y], ("x", "y")))
    assert simplify(data) == data


def test_packed_values_and_what_would_grow_or_be_no_number_stay():
    def unpacked(graph):
        half = graph.add([4], "half", TYPE.FLOAT16, np.array([1, 2, 3, 4], np.float16))
        return graph.apply(KIND.DEQUANTIZE, [half], [graph.add([4], "whole", free=False)], schema.DequantizeOptionsT())

    def infinite(graph):
        large = graph.add([4], "large", values=np.full(4, 3e38, np.float32))
        return graph.apply(KIND.ADD, [large, large], [graph.add([4], "sum", free=False)], schema.AddOptionsT())

    def scaled(graph):
        ints = graph.add([4], "ints", TYPE.INT8, np.array([1, 2, 3, 4], np.int8))
        graph.tensors[ints].quantization = schema.QuantizationParametersT(scale=[0.5], zeroPoint=[0])
        real = graph.add([4], "real", free=False)
        return graph.apply(KIND.DEQUANTIZE, [ints], [real], schema.DequantizeOptionsT())

    for make in (unpacked, infinite, scaled):
        kept(make)


def test_a_constant_that_would_become_large_stays():
    graph = Graph(3)
    column, row = graph.weights([300, 1], "column"), graph.weights([1, 300], "row")
    x, y = (graph.add([300, 300], name, free=False) for name in ("x", "y"))
    table = graph.add([300, 300], "table", free=False)
    graph.apply(KIND.MUL, [column, row], [table], schema.MulOptionsT())
    graph.apply(KIND.ADD, [x, table], [y], schema.AddOptionsT())
    data = pack(graph.model([x], [y], ("x", "y")))
    assert simplify(data) == data


def test_a_file_that_has_none_stays_the_same_bytes_and_an_output_is_made_by_an_operator():
    data = pack(classifier())
    assert simplify(data) == fold(data) == fold(data, quantized_next=True) == data
    graph = Graph(1)
    x = graph.add([1, 4], "x")
    y, constant = graph.add([1, 4], "y"), graph.add([4], "constant", free=False)
    graph.apply(KIND.NEG, [graph.weights([4], "w")], [constant], schema.NegOptionsT())
    graph.apply(KIND.ADD, [x, constant], [y], schema.AddOptionsT())
    data = pack(graph.model([x], [y, constant], ("x", "y", "constant")))
    assert simplify(data) == data
