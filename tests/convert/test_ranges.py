"""Calibrated ranges, on converted int8 files of a network whose inner activation has a known distribution."""

import numpy as np
import pytest

from optkit.convert import convert
from optkit.convert.activations import activation_ranges
from optkit.convert.converter import convert_keras
from optkit.keras.tensorflow import load_keras
from optkit.spec import Conversion
from optkit.tflite.flatbuffer import operator_name, parse_flatbuffer
from tests.convert import tiny

WIDTH, SAMPLES, TEST = 256, 1000, 10_000


@pytest.fixture(scope="module")
def model():
    """A float identity, so that the samples are the activation, before an int8 layer."""
    keras = load_keras()
    keras.backend.clear_session()
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.InputLayer(input_shape=(WIDTH,), name="x"),
            layers.Dense(WIDTH, kernel_initializer="identity", name="spread"),
            layers.Dense(8, name="logits"),
        ],
        name="tiny",
    )
    kernel = np.random.default_rng(1).normal(0, 0.1, (WIDTH, 8)).astype(np.float32)
    model.layers[-1].set_weights([kernel, np.zeros(8, np.float32)])
    return model


DRAW = {
    "laplace": lambda rng, n: rng.laplace(size=(n, WIDTH)),
    "student t": lambda rng, n: rng.standard_t(3, (n, WIDTH)),
    "uniform": lambda rng, n: rng.uniform(-1, 1, (n, WIDTH)),
}


def errors(model, distribution, seed=2):
    """Return by method the mean absolute and root mean squared error of int8 outputs on samples not calibrated on."""
    rng = np.random.default_rng(seed)
    x, test = (DRAW[distribution](rng, n).astype(np.float32) for n in (SAMPLES, TEST))
    expected = model.predict(test, verbose=0)
    found = {}
    for method in ("min_max", "moving_average", "percentile", "kl", "l2"):
        conversion = Conversion(
            mode="int8", calibration=method, calibration_samples=SAMPLES, layers={"spread": "float32"}
        )
        wrong = tiny.run(convert(model, conversion, x), test) - expected
        found[method] = np.array([np.mean(np.abs(wrong)), np.sqrt(np.mean(wrong**2))])
    return found


def test_kl_and_l2_beat_min_max_on_a_heavy_tail(model):
    found = errors(model, "laplace")
    for method in ("kl", "l2"):
        assert (found[method] < 0.97 * found["min_max"]).all()


def test_all_methods_beat_min_max_in_mean_absolute_error_on_a_very_heavy_tail(model):
    found = errors(model, "student t")
    for method in ("moving_average", "percentile", "kl", "l2"):
        assert found[method][0] < 0.9 * found["min_max"][0]
    # values far out are clipped: only L2 weighs them
    assert found["l2"][1] < found["min_max"][1]


def test_no_method_is_more_than_3_percent_worse_on_a_uniform_activation(model):
    found = errors(model, "uniform")
    for method in ("moving_average", "percentile", "kl", "l2"):
        assert (found[method] <= 1.03 * found["min_max"]).all()


def test_inputs_and_outputs_keep_min_and_max(model):
    x = DRAW["student t"](np.random.default_rng(3), SAMPLES).astype(np.float32)
    scales = []
    for method in ("min_max", "l2"):
        data = convert(
            model,
            Conversion(
                mode="int8",
                calibration=method,
                layers={"spread": "int8"},
                input_type="int8",
                output_type="int8",
                calibration_samples=SAMPLES,
            ),
            x,
        )
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_content=data)
        ends = (interpreter.get_input_details()[0], interpreter.get_output_details()[0])
        scales.append([end["quantization"] for end in ends])
    assert scales[0] == scales[1]


def scaled(seed, channels=64, classes=10):
    """Return a network that begins with batch normalization, which nothing before it can take in, and its samples.

    As in a slimmed pre-activation ResNet, the products with its scales are of both signs and span 3.7 decades.
    """
    keras = load_keras()
    keras.backend.clear_session()
    layers = keras.layers
    rng = np.random.default_rng(seed)
    scales = 10 ** rng.uniform(-3.7, 0, channels) * rng.choice([-1, 1], channels)
    model = keras.Sequential(
        [
            layers.InputLayer(input_shape=(channels,), name="x"),
            layers.BatchNormalization(epsilon=0.0, name="bn"),
            layers.ReLU(name="relu"),
            layers.Dense(classes, name="logits"),
        ],
        name="scaled",
    )
    shifts = np.where(scales < 0, -1.5 * scales, 0)
    model.get_layer("bn").set_weights([scales, shifts, np.zeros(channels), np.ones(channels)])
    model.get_layer("logits").set_weights([rng.normal(size=(channels, classes)), np.zeros(classes)])
    return model, np.abs(rng.normal(size=(5000, channels))).astype(np.float32)


@pytest.mark.parametrize("seed", [12, 20])
def test_kl_keeps_the_accuracy_where_products_of_batch_normalization_span_decades(seed):
    model, x = scaled(seed)
    train, test = x[:1000], x[1000:]
    expected = model.predict(test, verbose=0).argmax(axis=1)
    right = {}
    for method in ("min_max", "l2", "kl"):
        data = convert(model, Conversion(mode="int8", calibration=method, calibration_samples=1000), train)
        right[method] = np.mean(tiny.run(data, test).argmax(axis=1) == expected)
        tree = parse_flatbuffer(data)
        assert "MUL" in {operator_name(tree, operator) for operator in tree.subgraphs[0].operators}
    assert right["kl"] > max(right["min_max"], right["l2"]) - 0.01


def test_percentile_keeps_an_activation_that_is_almost_always_zero():
    """Of 100,000 values 3 are not zero: fewer than the 10 that the 99.99th percentile of all leaves out."""
    keras = load_keras()
    sparse = keras.Sequential(
        [
            keras.layers.InputLayer(input_shape=(100,), name="x"),
            keras.layers.ReLU(name="relu"),
            keras.layers.Dense(4, name="logits"),
        ]
    )
    x = np.full((1000, 100), -1, np.float32)
    x[[1, 2, 3], [1, 2, 3]] = 5.0, 4.0, 3.0

    def samples():
        yield from (x[i : i + 1] for i in range(len(x)))

    plain = convert_keras(sparse, Conversion(), samples)
    ranges = activation_ranges(plain, Conversion(mode="int8", calibration="percentile"), samples)
    assert [high for name, (low, high) in ranges.items() if "relu" in name.lower()] == [pytest.approx(5.0)]
