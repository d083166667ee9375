"""Calibrated ranges, on converted int8 files of a network whose inner activation has a known distribution."""

import numpy as np
import pytest

from optkit.convert import convert
from optkit.spec import Conversion
from optkit.tensorflow import load_keras
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
