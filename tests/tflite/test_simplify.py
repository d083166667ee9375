"""Simplifying: what only computes a shape goes, and no output changes by a bit."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from optkit.convert import convert
from optkit.convert.converter import convert_keras
from optkit.convert.from_tflite import convert_tflite
from optkit.keras.tensorflow import load_keras, load_tensorflow
from optkit.runtime.samples import run_samples
from optkit.spec import Conversion
from optkit.tflite.flatbuffer import operator_name, parse_flatbuffer
from optkit.tflite.interface import read_interface
from optkit.tflite.simplify import simplify
from optkit.tflite.strip import strip
from optkit.tflite.verify import verify_file
from tests.convert import tiny
from tests.tflite.models import pack
from tests.tflite.networks import KIND, TYPE, Graph

SHAPES = {"SHAPE", "STRIDED_SLICE", "PACK"}


def reshaping():
    """Return a small network that begins with a Keras Reshape: input (64,), output 5."""
    keras = load_keras()
    keras.backend.clear_session()
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.InputLayer(input_shape=(64,), name="image"),
            layers.Reshape((8, 8, 1), name="reshape"),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.Flatten(name="flatten"),
            layers.Reshape((12, 12, 1), name="again"),
            layers.Flatten(name="rows"),
            layers.Dense(5, name="logits"),
        ]
    )
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.2, w.shape).astype(np.float32) for w in model.get_weights()])
    return model


def samples(n=64):
    return np.random.default_rng(2).uniform(0, 1, (n, 64)).astype(np.float32)


def as_converted(model, conversion):
    return convert_keras(model, conversion, lambda: iter(np.split(samples(), 64)))


def operators(data):
    model = parse_flatbuffer(data)
    return [operator_name(model, operator) for graph in model.subgraphs for operator in graph.operators]


@pytest.mark.parametrize("mode", ["float32", "float16", "dynamic_range", "int8", "int16x8"])
def test_reshapes_take_constants_and_outputs_stay_equal(mode):
    model = reshaping()
    before = as_converted(model, Conversion(mode=mode))
    after = simplify(before)
    assert set(operators(before)) >= SHAPES
    assert not SHAPES & set(operators(after))
    assert operators(after).count("RESHAPE") == operators(before).count("RESHAPE")
    assert len(parse_flatbuffer(after).operatorCodes) == len(set(operators(after)))
    assert len(strip(after, "keep_names")) < len(strip(before, "keep_names")) - 200
    for batch in (1, 7, 32):
        x = samples(batch)
        np.testing.assert_array_equal(tiny.run(after, x, batch), tiny.run(before, x, batch))
    assert simplify(after) == after


def test_a_conversion_simplifies():
    assert not SHAPES & set(operators(convert(reshaping(), Conversion(mode="int8"), samples())))


def test_a_file_without_computed_shapes_stays_as_it_is():
    data = convert_keras(tiny.network(), Conversion(), lambda: iter([tiny.samples(1)]))
    assert simplify(data) == data


def test_a_shape_that_something_else_needs_stays():
    tf = load_tensorflow()

    @tf.function(input_signature=[tf.TensorSpec((None, 6), tf.float32)])
    def both(x):
        rows = tf.shape(x)[0]
        return tf.reshape(x, [rows, 2, 3]), rows * 2

    data = tf.lite.TFLiteConverter.from_concrete_functions([both.get_concrete_function()]).convert()
    after = simplify(data)
    assert {"SHAPE", "STRIDED_SLICE"} <= set(operators(after))
    assert "PACK" not in operators(after)


def test_two_unknown_sizes_cannot_become_one():
    tf = load_tensorflow()

    @tf.function(input_signature=[tf.TensorSpec((None, None, 6), tf.float32)])
    def merge(x):
        return tf.reshape(x, [tf.shape(x)[0], tf.shape(x)[1], 2, 3])

    data = tf.lite.TFLiteConverter.from_concrete_functions([merge.get_concrete_function()]).convert()
    assert "PACK" in operators(data)
    assert simplify(data) == data


def scaled(graph, shape, name, scale=0.5, point=3, kind=TYPE.INT8):
    """Add an integer tensor with one scale."""
    index = graph.add(shape, name, kind)
    graph.tensors[index].quantization = schema.QuantizationParametersT(scale=[scale], zeroPoint=[point])
    return index


def turned(graph, x, shape, order, name):
    """Add a TRANSPOSE whose result has `shape`."""
    axes = graph.add([len(order)], f"{name}/order", TYPE.INT32, np.int32(order))
    return graph.apply(KIND.TRANSPOSE, [x, axes], [graph.add(shape, name)], schema.TransposeOptionsT())


def transposes(*, used=False, end=False, orders=((0, 2, 3, 1), (0, 3, 1, 2))):
    """RELU, two transposes, ABS. `used`: the first is an output, too; `end`: the second is one, and nothing follows."""
    graph = Graph()
    x = graph.add([1, 2, 3, 4], "x")
    before = graph.apply(KIND.RELU, [x], [graph.add([1, 2, 3, 4], "relu")])
    first = turned(graph, before, [1, 3, 4, 2], orders[0], "first")
    second = turned(graph, first, [1, 2, 3, 4], orders[1], "second")
    last = second if end else graph.apply(KIND.ABS, [second], [graph.add([1, 2, 3, 4], "y")], schema.AbsOptionsT())
    outputs = [last, first] if used else [last]
    return graph.model([x], outputs, ["in", "out", "first"][: 1 + len(outputs)])


def both_ways(kind=TYPE.INT8, scale=0.5, other=0.5, point=3):
    """QUANTIZE, DEQUANTIZE and QUANTIZE again, DEQUANTIZE."""
    graph = Graph()
    x = graph.add([1, 8], "x")
    one = graph.apply(KIND.QUANTIZE, [x], [scaled(graph, [1, 8], "q", scale, point, kind)])
    real = graph.apply(KIND.DEQUANTIZE, [one], [graph.add([1, 8], "real")])
    again = graph.apply(KIND.QUANTIZE, [real], [scaled(graph, [1, 8], "again", other, point, kind)])
    y = graph.apply(KIND.DEQUANTIZE, [again], [graph.add([1, 8], "y")])
    return graph.model([x], [y], ["in", "out"])


PAIRS = {
    "transposes": (lambda: transposes(), ["RELU", "ABS"]),
    "the first is read by others": (lambda: transposes(used=True), ["RELU", "TRANSPOSE", "ABS"]),
    "the second is an output": (lambda: transposes(end=True), ["RELU"]),
    "int8 and back": (lambda: both_ways(), ["QUANTIZE", "DEQUANTIZE"]),
    "uint8 and back": (lambda: both_ways(TYPE.UINT8, 1.7e-3, 1.7e-3, 131), ["QUANTIZE", "DEQUANTIZE"]),
    "int16 and back": (lambda: both_ways(TYPE.INT16, 3.1e-5, 3.1e-5, 0), ["QUANTIZE", "DEQUANTIZE"]),
}


@pytest.mark.parametrize("case", PAIRS)
@pytest.mark.parametrize("batch", [1, 7, 32])
def test_pairs_that_undo_each_other_go_and_outputs_stay_equal(case, batch, tmp_path):
    model, left = PAIRS[case]
    before, after = tmp_path / "before.tflite", tmp_path / "after.tflite"
    before.write_bytes(pack(model()))
    after.write_bytes(simplify(before.read_bytes()))
    verify_file(after)
    assert operators(after.read_bytes()) == left
    assert after.stat().st_size < before.stat().st_size
    interfaces = [read_interface(path) for path in (before, after)]
    assert [one.name for one in interfaces[0].outputs] == [one.name for one in interfaces[1].outputs]
    shape = [batch, *interfaces[0].inputs[0].shape[1:]]
    x = np.random.default_rng(batch).normal(0, 30, shape).astype(np.float32)
    found, expected = run_samples(after, x, batch=batch), run_samples(before, x, batch=batch)
    assert list(found) == list(expected)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])
    assert simplify(after.read_bytes()) == after.read_bytes()


@pytest.mark.parametrize("kind", [np.int8, np.int16])
def test_every_integer_comes_back_from_real_values(kind):
    """What the pairs rest on, in float32 as the kernels compute: for scales of every size that is allowed."""
    info = np.iinfo(kind)
    q = np.arange(info.min, info.max + 1, dtype=np.float32)
    for scale in np.array([1e-30, 1.17e-12, 3.7e-5, 0.1, 1 / 3, 1, 7.77e11, 1e30], np.float32):
        for point in np.array([info.min, -1, 0, 3, info.max], np.float32):
            real = scale * (q - point)
            for back in (np.rint(real / scale) + point, np.rint(real * (np.float32(1) / scale)) + point):
                np.testing.assert_array_equal(back, q)


@pytest.mark.parametrize("mode", ["float32", "int8"])
def test_a_conversion_of_a_file_takes_pairs_out(mode):
    given = np.random.default_rng(0).normal(0, 1, (64, 2, 3, 4)).astype(np.float32)
    graph = Graph()
    x = graph.add([1, 2, 3, 4], "x")
    there = turned(graph, x, [1, 3, 4, 2], (0, 2, 3, 1), "there")
    back = turned(graph, there, [1, 2, 3, 4], (0, 3, 1, 2), "back")
    rows = graph.add([2], "rows", TYPE.INT32, np.array([-1, 24], np.int32))
    flat = graph.apply(KIND.RESHAPE, [back, rows], [graph.add([1, 24], "flat")], schema.ReshapeOptionsT())
    y = graph.dense(flat, 24, 40, "dense")
    data = convert_tflite(pack(graph.model([x], [y], ["in", "out"])), Conversion(mode=mode), given)
    assert [kind for kind in operators(data) if kind not in ("QUANTIZE", "DEQUANTIZE")] == [
        "RESHAPE",
        "FULLY_CONNECTED",
    ]


def four():
    """Two pairs of transposes within each other."""
    graph = Graph()
    x = graph.add([1, 2, 3, 4], "x")
    there = turned(graph, x, [1, 3, 4, 2], (0, 2, 3, 1), "a")
    there = turned(graph, there, [1, 4, 3, 2], (0, 2, 1, 3), "b")
    back = turned(graph, there, [1, 3, 4, 2], (0, 2, 1, 3), "c")
    back = turned(graph, back, [1, 2, 3, 4], (0, 3, 1, 2), "d")
    y = graph.apply(KIND.RELU, [back], [graph.add([1, 2, 3, 4], "y")])
    return graph.model([x], [y])


def test_pairs_within_pairs_go_too():
    assert operators(simplify(pack(four()))) == ["RELU"]


def per_channel():
    model = transposes()
    for tensor in model.subgraphs[0].tensors:
        if tensor.name in ("relu", "second"):
            tensor.quantization = schema.QuantizationParametersT(scale=[1, 2], zeroPoint=[0, 0], quantizedDimension=1)
    return model


def halves():
    """The reals between are of 16 bits, which hold no scale times 127."""
    model = both_ways()
    next(tensor for tensor in model.subgraphs[0].tensors if tensor.name == "real").type = TYPE.FLOAT16
    return model


def straight_through():
    """The pair is the whole network: its input would have to be its output."""
    graph = Graph()
    x = graph.add([1, 2, 3, 4], "x")
    first = turned(graph, x, [1, 3, 4, 2], (0, 2, 3, 1), "first")
    return graph.model([x], [turned(graph, first, [1, 2, 3, 4], (0, 3, 1, 2), "second")])


STAY = {
    "another order": lambda: transposes(orders=((0, 2, 3, 1), (0, 2, 3, 1))),
    "another scale": lambda: both_ways(other=0.25),
    "a scale that float32 cannot hold": lambda: both_ways(scale=1e-38, other=1e-38),
    "scales of channels": per_channel,
    "16 bits between": halves,
    "the input is the output": straight_through,
}


@pytest.mark.parametrize("case", STAY)
def test_what_is_no_pair_or_cannot_go_stays_the_same_bytes(case):
    data = pack(STAY[case]())
    assert simplify(data) == data
