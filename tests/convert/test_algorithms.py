"""OSCAR, Hadamard rotation, blocks and the correction of biases: what each is for, that files run, what is refused."""

import dataclasses

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from optkit import Conversion
from optkit.convert.biases import _patches, corrected_biases, real_values
from optkit.convert.from_tflite import convert_tflite
from optkit.errors import BuildError, DataError
from optkit.runtime.samples import run_samples
from optkit.spec.keys import digest
from optkit.tflite.flatbuffer import operator_name, parse_flatbuffer, tensor_type, weight_operators
from optkit.tflite.interface import read_interface
from optkit.tflite.weights import weights_of
from tests.tflite.models import pack
from tests.tflite.networks import KIND, Graph, classifier

INPUTS, OUTPUTS = 128, 24
SIZE = 8


def dense(weights, free=True):
    """One dense layer with these weights, (outputs, inputs)."""
    graph = Graph(3)
    given = graph.add([1, weights.shape[1]], "x", free=free)
    model = graph.model(
        [given], [graph.dense(given, weights.shape[1], weights.shape[0], "only", free=free)], ("x", "y")
    )
    model.buffers[1].data = np.frombuffer(weights.astype(np.float32).tobytes(), np.uint8)
    return pack(model)


def converted(tmp_path, model, x, **fields):
    path = tmp_path / "converted.tflite"
    path.write_bytes(convert_tflite(model, Conversion(**fields), x, name="model.tflite", tried=True))
    return path


def outputs(path, x, batch=32):
    return next(iter(run_samples(path, x, batch=batch).values()))


def error(tmp_path, model, x, **fields):
    """Return the mean squared error of the outputs of the int4 file against the float one's."""
    plain = outputs(converted(tmp_path, model, x), x)
    return float(np.mean((outputs(converted(tmp_path, model, x, mode="int4_weights", **fields), x) - plain) ** 2))


def weights(seed=1):
    return np.random.default_rng(seed).normal(0, 0.3, (OUTPUTS, INPUTS)).astype(np.float32)


def samples(n=200, seed=2):
    return np.random.default_rng(seed).normal(size=(n, INPUTS)).astype(np.float32)


def test_oscar_has_less_error_where_inputs_differ_in_size(tmp_path):
    """A few inputs are far larger than others: their weights matter more than their own size says."""
    x = samples() * np.where(np.arange(INPUTS) % 16 == 0, 20, 0.5).astype(np.float32)
    model = dense(weights())
    assert error(tmp_path, model, x, algorithm="oscar") < 0.7 * error(tmp_path, model, x)


def test_hadamard_has_less_error_where_weights_stand_out(tmp_path):
    values = weights()
    values[:, ::40] *= 12
    model, x = dense(values), samples()
    assert error(tmp_path, model, x, algorithm="hadamard") < 0.7 * error(tmp_path, model, x)


def test_blocks_have_less_error_where_weights_differ_along_the_inputs(tmp_path):
    values = weights() * np.repeat([1.0, 0.1, 0.02, 0.3], INPUTS // 4)
    model, x = dense(values), samples()
    small, large = (error(tmp_path, model, x, granularity="blockwise", block_size=size) for size in (32, 64))
    assert small < 0.7 * error(tmp_path, model, x)
    assert small < large


@pytest.mark.parametrize(
    "fields", [{"algorithm": "oscar"}, {"algorithm": "hadamard"}, {"granularity": "blockwise"}], ids=str
)
@pytest.mark.parametrize("mode", ["dynamic_range", "int4_weights"])
def test_the_file_takes_any_number_of_samples_as_the_float_one_does(fields, mode, tmp_path):
    if mode == "dynamic_range" and "granularity" in fields:
        pytest.skip("blocks are for int4")
    model, x = dense(weights()), samples(50)
    path = converted(tmp_path, model, x, mode=mode, **fields)
    assert read_interface(path).batch is None
    one, many = outputs(path, x, batch=1), outputs(path, x, batch=50)
    assert np.abs(one - many).max() <= 0.02 * np.abs(one).max()
    expected = outputs(converted(tmp_path, model, x), x)
    assert np.corrcoef(many.ravel(), expected.ravel())[0, 1] > 0.97
    if fields.get("algorithm") != "hadamard":  # which adds its rotation in float
        assert weights_of(converted(tmp_path, model, x, mode=mode, **fields)).integer_weights == 1.0


def test_a_fixed_batch_stays_fixed(tmp_path):
    model, x = dense(weights(), free=False), samples(20)
    path = converted(tmp_path, model, x, mode="int4_weights", algorithm="hadamard")
    assert read_interface(path).batch == 1
    assert outputs(path, x).shape == (20, OUTPUTS)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mode": "int8", "algorithm": "oscar"}, "leaves activations in float, and mode 'int8' makes them integers"),
        ({"mode": "int16x8", "algorithm": "hadamard"}, "leaves activations in float"),
        ({"mode": "int8", "granularity": "blockwise"}, "leaves activations in float"),
        ({"mode": "dynamic_range", "granularity": "blockwise"}, "is for int4 weights, and there are none"),
        ({"mode": "int4_weights", "granularity": "blockwise", "algorithm": "mse"}, "one scale a channel or tensor"),
        ({"mode": "int4_weights", "block_size": 64}, "set granularity = 'blockwise'"),
        ({"mode": "float16", "bias_correction": True}, "'float16' has no integer weights"),
        ({"mode": "int4_weights", "algorithm": "oscar", "bias_correction": True}, "rewrites the weights"),
        ({"mode": "int8", "sparse": True, "bias_correction": True}, "sparse goes with"),
    ],
)
def test_what_does_not_go_together_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Conversion(**fields)


def convolution():
    graph = Graph()
    x, y = graph.add([1, 8, 8, 4], "x"), graph.add([1, 8, 8, 4], "y")
    w, b = graph.weights([4, 3, 3, 4], "w"), graph.weights([4], "b")
    options = schema.Conv2DOptionsT(strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)
    graph.apply(KIND.CONV_2D, [x, w, b], [y], options)
    return pack(graph.model([x], [y], ("x", "y")))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"algorithm": "oscar"}, "'oscar' is for FULLY_CONNECTED .and 1x1 CONV_2D.; integer weights are in CONV_2D"),
        (
            {"algorithm": "hadamard"},
            "'hadamard' is for FULLY_CONNECTED .and 1x1 CONV_2D. with a bias and an even number of inputs",
        ),
        ({"granularity": "blockwise"}, "'blockwise' is for FULLY_CONNECTED with int4 weights; those are in CONV_2D"),
    ],
)
def test_a_file_without_a_fitting_operator_is_refused(fields, message):
    x = np.zeros((4, 8, 8, 4), np.float32)
    with pytest.raises(BuildError, match=message):
        convert_tflite(convolution(), Conversion(mode="int4_weights", **fields), x, tried=True)


def test_blocks_that_do_not_fill_a_layer_are_refused_and_a_layer_can_be_left_out(tmp_path):
    model, x = pack(classifier()), np.random.default_rng(0).random((9, 16)).astype(np.float32)
    blocks = Conversion(mode="int4_weights", granularity="blockwise")
    with pytest.raises(
        BuildError, match="blocks of 32 do not fill the 16 inputs of layer hidden; take another block_size"
    ):
        convert_tflite(model, blocks, x, tried=True)
    with pytest.raises(BuildError, match="do not fill the 80 inputs of layer logits"):
        convert_tflite(model, dataclasses.replace(blocks, layers={"hidden": "int8"}), x, tried=True)


def pointwise():
    """A 1x1 convolution of 16 channels to 24, on maps of 4 x 4."""
    graph = Graph(2)
    x, y = graph.add([1, 4, 4, 16], "x"), graph.add([1, 4, 4, 24], "conv/out")
    w, b = graph.weights([24, 1, 1, 16], "conv/kernel"), graph.weights([24], "conv/bias")
    options = schema.Conv2DOptionsT(strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)
    graph.apply(KIND.CONV_2D, [x, w, b], [y], options)
    return pack(graph.model([x], [y], ("x", "y")))


@pytest.mark.parametrize(
    ("algorithm", "operators"),
    [
        ("gptq", ["CONV_2D"]),
        ("oscar", ["MUL", "CONV_2D"]),
        ("hadamard", ["RESHAPE", "FULLY_CONNECTED", "RESHAPE", "CONV_2D"]),
    ],
)
def test_1x1_convolutions_take_what_is_for_dense_layers_and_stay_convolutions(algorithm, operators, tmp_path):
    rng = np.random.default_rng(3)
    x = (rng.normal(size=(300, 4, 4, 3)) @ rng.normal(size=(3, 16))).astype(np.float32)  # channels that go together
    model, fields = pointwise(), {"mode": "int4_weights", "algorithm": algorithm}
    path = converted(tmp_path, model, x, **fields)
    tree = parse_flatbuffer(path.read_bytes())
    assert [operator_name(tree, one) for one in tree.subgraphs[0].operators] == operators
    found = {batch: outputs(path, x[:40], batch=batch) for batch in (1, 40)}
    assert np.abs(found[1] - found[40]).max() <= 0.02 * np.abs(found[1]).max()
    if algorithm == "gptq":
        assert error(tmp_path, model, x, algorithm="gptq") < 0.8 * error(tmp_path, model, x)


def test_samples_are_asked_for():
    for fields, who in (({"algorithm": "oscar"}, "algorithm 'oscar'"), ({"bias_correction": True}, "bias_correction")):
        with pytest.raises(DataError, match=f"{who} needs samples to calibrate on"):
            convert_tflite(dense(weights()), Conversion(mode="dynamic_range", **fields), None, tried=True)


def test_older_keys_stay_as_they_were():
    plain = digest(Conversion(mode="int8"))
    assert digest(Conversion(mode="int8", bias_correction=False, block_size=32)) == plain
    assert digest(Conversion(mode="int8", bias_correction=True)) != plain


def network(padding, stride, dilation=1):
    """A convolution, a depthwise one and a dense layer of one input, each with a bias."""
    graph = Graph(5)
    graph.rng = np.random.default_rng(9)
    x = graph.add([1, SIZE, SIZE, 6], "x")
    options = {"padding": padding, "strideH": stride, "strideW": stride}
    options |= {"dilationHFactor": dilation, "dilationWFactor": dilation}
    size = -(-SIZE // stride) if padding == 0 else -(-(SIZE - 2 * dilation) // stride)
    shared = graph.weights([6], "shared/bias")  # one tensor, two readers: each gets its own
    conv, deep = (graph.add([1, size, size, 6], f"{name}/out") for name in ("conv", "deep"))
    kernel = graph.weights([6, 3, 3, 6], "conv/kernel")
    graph.apply(KIND.CONV_2D, [x, kernel, shared], [conv], schema.Conv2DOptionsT(**options))
    given = schema.DepthwiseConv2DOptionsT(**options, depthMultiplier=1)
    graph.apply(KIND.DEPTHWISE_CONV_2D, [x, graph.weights([1, 3, 3, 6], "deep/kernel"), shared], [deep], given)
    width = SIZE * SIZE * 6
    shape, flat = (
        graph.add([2], "shape", schema.TensorType.INT32, np.array([-1, width], np.int32)),
        graph.add([1, width], "flat"),
    )
    graph.apply(KIND.RESHAPE, [x, shape], [flat], schema.ReshapeOptionsT(newShape=[-1, width]))
    return pack(graph.model([x], [conv, deep, graph.dense(flat, width, 4, "dense")], ("x", "conv", "deep", "y")))


def with_weights_of(model, quantized):
    """Return the float file with the values of its quantized form's weights: nothing else is rounded."""
    tree, other = parse_flatbuffer(model), parse_flatbuffer(quantized)
    rounded = [tensor for graph in other.subgraphs for _, tensor in weight_operators(other, graph)]
    for graph in tree.subgraphs:
        for (_, tensor), stored in zip(weight_operators(tree, graph), rounded, strict=True):
            values = real_values(other, stored).astype(np.float32)
            tree.buffers[tensor.buffer].data = np.frombuffer(values.tobytes(), np.uint8)
    return pack(tree)


@pytest.mark.parametrize(("padding", "stride", "dilation"), [(0, 1, 1), (0, 2, 1), (1, 1, 1), (1, 2, 1), (0, 1, 2)])
def test_corrected_biases_leave_no_mean_error(padding, stride, dilation, tmp_path):
    """Rounding to 4 or 8 bits shifts the mean output of each channel. Corrected, the mean is the float file's again."""
    model = network(padding, stride, dilation)
    rng = np.random.default_rng(4)
    bright = rng.choice([0.1, 1.0], (SIZE, SIZE, 6))  # by place: it matters which places a kernel meets
    x = (rng.uniform(0.6, 1, (64, SIZE, SIZE, 6)) * bright).astype(np.float32)
    path = converted(tmp_path, model, x)
    expected = run_samples(path, x)
    conversion = Conversion(mode="dynamic_range", layers={"conv": "int4", "deep": "int8", "dense": "int4"})
    quantized = convert_tflite(model, conversion, x, tried=True)
    found = []
    for biases in (model, corrected_biases(model, quantized, lambda: iter(x[:, None]))):
        path.write_bytes(with_weights_of(biases, quantized))
        found.append(run_samples(path, x))
    plain, corrected = found
    for name in expected:
        shift, left = (
            np.abs((one[name] - expected[name]).mean(axis=tuple(range(expected[name].ndim - 1)))).max()
            for one in (plain, corrected)
        )
        assert left < 0.02 * shift, (name, shift, left)
    given = convert_tflite(model, dataclasses.replace(conversion, bias_correction=True, calibration_samples=64), x)
    assert given != quantized
    path.write_bytes(given)  # as users get it: inputs are rounded, too
    for name, values in run_samples(path, x).items():
        shift, left = (
            np.abs((one - expected[name]).mean(axis=tuple(range(values.ndim - 1)))).max()
            for one in (plain[name], values)
        )
        assert left < 0.5 * shift, (name, shift, left)


def test_the_mean_under_a_kernel_is_that_of_a_convolution():
    """A convolution with a kernel that is 1 in one place, on a map of means: its mean output is what `_patches` has."""
    mean = np.random.default_rng(0).normal(size=(7, 6, 2))
    options = schema.Conv2DOptionsT(padding=0, strideH=2, strideW=1, dilationHFactor=1, dilationWFactor=1)
    found = _patches(mean, (3, 3), options)
    padded = np.pad(mean, ((1, 1), (1, 1), (0, 0)))  # SAME: 7 rows in steps of 2, 6 columns in steps of 1
    for i, j in np.ndindex(3, 3):
        seen = [padded[2 * row + i, column + j] for row in range(4) for column in range(6)]
        np.testing.assert_allclose(found[i, j], np.mean(seen, axis=0))


@pytest.mark.slow
def test_keras_models_take_them_as_well(tmp_path):
    from optkit.convert import convert
    from tests.convert import tiny

    model, x = tiny.network(), tiny.samples()
    for fields in (
        {"algorithm": "oscar"},
        {"algorithm": "hadamard"},
        {"bias_correction": True},
        {"granularity": "blockwise", "layers": {"logits": "int4", "hidden": "int8"}},
    ):
        data = convert(model, Conversion(mode="int4_weights", **fields), x)
        assert tiny.run(data, x).shape == (64, 5)
        tree = parse_flatbuffer(data)
        kinds = {tensor_type(tensor) for graph in tree.subgraphs for _, tensor in weight_operators(tree, graph)}
        assert "int4" in kinds
