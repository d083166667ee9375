"""Simplifying: what only computes a shape goes, and no output changes by a bit."""

import numpy as np
import pytest

from optkit.convert import convert
from optkit.convert.converter import convert_keras
from optkit.keras.tensorflow import load_keras, load_tensorflow
from optkit.spec import Conversion
from optkit.tflite.flatbuffer import operator_name, parse_flatbuffer
from optkit.tflite.simplify import simplify
from optkit.tflite.strip import strip
from tests.convert import tiny

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
