"""Every mode of conversion, on the finished file."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from optkit.convert import convert
from optkit.errors import BuildError
from optkit.spec import Conversion
from optkit.tflite.flatbuffer import parse_flatbuffer, tensor_name, tensor_type, weight_operators
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


CASES: dict[str, tuple[dict[str, Any], Any, float]] = {
    "float32": ({}, ("float32", "float32"), 1e-5),
    "float16": ({"mode": "float16"}, ("float32", "float32"), 1e-2),
    "dynamic_range": ({"mode": "dynamic_range"}, ("float32", "float32"), 0.05),
    "int8": ({"mode": "int8"}, ("float32", "float32"), 0.05),
    "int8 io": ({"mode": "int8", "input_type": "int8", "output_type": "int8"}, ("int8", "int8"), 0.05),
    "uint8 io": ({"mode": "int8", "input_type": "uint8", "output_type": "uint8"}, ("uint8", "uint8"), 0.05),
    "int16x8": ({"mode": "int16x8"}, ("float32", "float32"), 0.02),
    "int16 io": ({"mode": "int16x8", "input_type": "int16", "output_type": "int16"}, ("int16", "int16"), 0.02),
    "int4": ({"mode": "int4_weights"}, ("float32", "float32"), 0.4),
    "kl int8 io": (
        {"mode": "int8", "calibration": "kl", "input_type": "int8", "output_type": "int8"},
        ("int8", "int8"),
        0.05,
    ),
    "l2 uint8 io": (
        {"mode": "int8", "calibration": "l2", "input_type": "uint8", "output_type": "uint8"},
        ("uint8", "uint8"),
        0.05,
    ),
    "layers int16": ({"mode": "int16x8", "layers": {"conv": "float32"}, "input_type": "int16"}, None, 0.02),
}


@pytest.mark.parametrize("name", CASES)
def test_a_mode_has_its_types_and_outputs_near_the_float_model_at_any_batch_size(name, model, x):
    fields, expected_types, tolerance = CASES[name]
    data = convert(model, Conversion(**fields), x)
    if expected_types:
        assert tiny.types(data) == expected_types
    expected = model.predict(x, verbose=0)
    for batch in (1, 32):
        got = tiny.run(data, x, batch)
        assert np.abs(got - expected).max() <= tolerance * np.abs(expected).max()


@pytest.mark.parametrize("mode", ["dynamic_range", "int8", "int16x8", "int4_weights"])
def test_granularity_sets_the_number_of_scales(mode, model, x):
    for granularity in ("per_channel", "per_tensor"):
        scales = {
            tensor_name(tensor).split("/")[1]: len(tensor.quantization.scale)
            for _, tensor in stored(convert(model, Conversion(mode=mode, granularity=granularity), x))
            if "int" in tensor_type(tensor)
        }
        assert scales["hidden"] == (64 if granularity == "per_channel" else 1)


def test_the_calibration_set_is_what_its_size_and_seed_say(model, x):
    wide = np.concatenate([x, 50 * x])

    def made(**fields):
        return convert(model, Conversion(mode="int8", **fields), wide)

    assert made(calibration_samples=8, calibration_seed=1) == made(calibration_samples=8, calibration_seed=1)
    assert made(calibration_samples=1, calibration_seed=1) != made(calibration_samples=1, calibration_seed=2)
    assert made(calibration_samples=1) != made(calibration_samples=128)


def test_a_model_with_learned_ranges_keeps_them(x):
    from optkit.keras.tensorflow import load_tfmot

    model = load_tfmot().quantization.keras.quantize_model(tiny.network())
    for fields in (
        {"mode": "int8", "calibration": "kl"},
        {"mode": "int8", "granularity": "per_tensor"},
        {"mode": "int8", "layers": {"*hidden": "int4"}},
        {"mode": "int4_weights"},
        {"mode": "int8", "equalize": True},
        {"mode": "int8", "bias_correction": True},
    ):
        with pytest.raises(BuildError, match="quantization-aware training"):
            convert(model, Conversion(**fields), x)


SCRIPT = """
import hashlib
found = []
from optkit.convert import convert
from optkit.spec import Conversion
from tests.convert import tiny
for conversion in (
    Conversion(mode="int8", calibration="l2", layers={"hidden": "int4", "conv": "float16"}),
    Conversion(mode="int8", strip="all", granularity="per_tensor"),
):
    data = convert(tiny.network(), conversion, tiny.samples())
    found.append("sha256 " + hashlib.sha256(data).hexdigest())
    print(found[-1])
"""


@pytest.mark.slow
def test_another_process_gives_the_same_bytes():
    names: dict = {}
    exec(SCRIPT, names)
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120)
    lines = [line for line in done.stdout.split("\n") if line.startswith("sha256")]
    assert lines == names["found"], done.stderr[-500:]
    assert len(set(lines)) == 2
