"""int4 weights and precision by layer, on the finished file."""

from typing import Any

import numpy as np
import pytest

from optkit.convert import convert
from optkit.errors import BuildError
from optkit.spec import Conversion
from optkit.tflite.flatbuffer import parse_flatbuffer, tensor_name, tensor_type, tensor_values, weight_operators
from optkit.tflite.weights import weights_of
from tests.convert import tiny


@pytest.fixture(scope="module")
def model():
    return tiny.network()


@pytest.fixture(scope="module")
def x():
    return tiny.samples()


def stored(data):
    tree = parse_flatbuffer(data)
    return [(tree, tensor) for graph in tree.subgraphs for _, tensor in weight_operators(tree, graph)]


def kinds(data):
    return {tensor_name(tensor).split("/")[1]: tensor_type(tensor) for _, tensor in stored(data)}


def test_int4_weights_are_read_as_they_were_packed(model, x, tmp_path):
    data = convert(model, Conversion(mode="int4_weights"), x)
    plain = {layer.name: layer.kernel.numpy() for layer in model.layers if layer.weights}
    for tree, tensor in stored(data):
        name = tensor_name(tensor).split("/")[1]
        values = tensor_values(tree, tensor).astype(np.float64)
        assert values.min() >= -8
        assert values.max() <= 7
        kernel = np.moveaxis(plain[name], -1, 0)
        scale = np.asarray(tensor.quantization.scale).reshape(-1, *[1] * (kernel.ndim - 1))
        assert np.abs(values * scale - kernel).max() <= scale.max() / 2 + 1e-6
    path = tmp_path / "int4.tflite"
    path.write_bytes(data)
    facts = weights_of(path)
    assert {tensor.dtype for tensor in facts.tensors} == {"int4"}
    assert facts.distinct_values <= 15
    assert facts.integer_weights == 1.0


def test_layers_get_the_precision_that_was_asked_for(model, x):
    fields: dict[str, Any] = {"*": "int8", "hidden": "int4", "conv": "float32"}
    modes: tuple[Any, ...] = ("float32", "dynamic_range", "int8", "int16x8")
    for mode in modes:
        data = convert(model, Conversion(mode=mode, layers=fields), x)
        assert kinds(data) == {"conv": "float32", "hidden": "int4", "logits": "int8"}
    data = convert(model, Conversion(mode="int4_weights", layers={"logits": "float16"}), x)
    assert kinds(data) == {"conv": "int4", "hidden": "int4", "logits": "float16"}
    # as the converter's own: weights of fewer than 1024 elements stay float unless they are named
    data = convert(model, Conversion(mode="dynamic_range", layers={"logits": "int4"}), x)
    assert kinds(data) == {"conv": "float32", "hidden": "int8", "logits": "int4"}


def test_a_layer_pattern_that_matches_nothing_is_refused_with_the_nearest_name(model, x):
    with pytest.raises(BuildError, match=r"hiden.*hidden"):
        convert(model, Conversion(mode="dynamic_range", layers={"hiden": "int4"}), x)
    # a path of tensor names holds the model's name, too: only layers count
    with pytest.raises(BuildError, match="tiny"):
        convert(model, Conversion(mode="dynamic_range", layers={"tiny": "int4"}), x)


def test_a_precision_without_a_kernel_is_refused_with_the_layer_named(x):
    from optkit.keras.tensorflow import load_keras

    keras = load_keras()
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.InputLayer(input_shape=(8, 8, 1), name="image"),
            layers.DepthwiseConv2D(3, depth_multiplier=4, name="depthwise"),
            layers.Flatten(name="flatten"),
            layers.Dense(5, name="logits"),
        ],
        name="separable",
    )
    with pytest.raises(BuildError, match=r"depthwise \(DEPTHWISE_CONV_2D\) cannot have int4"):
        convert(model, Conversion(layers={"depthwise": "int4"}), x)
    assert kinds(convert(model, Conversion(mode="int4_weights"), x)) == {"depthwise": "int8", "logits": "int4"}


def test_ranges_of_values_that_are_not_finite_are_refused(model, x):
    broken = x.copy()
    broken[3] = np.nan
    with pytest.raises(BuildError, match="not finite"):
        convert(model, Conversion(mode="int8", calibration="l2"), broken)
