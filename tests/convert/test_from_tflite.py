"""A float .tflite of any origin becomes each of the post-training variants; what cannot is refused in one line."""

import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from optkit.convert.from_tflite import convert_tflite
from optkit.errors import ArtifactError, BuildError, DataError
from optkit.runtime.samples import run_samples
from optkit.spec import Conversion
from optkit.spec.keys import digest
from optkit.tflite.flatbuffer import parse_flatbuffer, read_flatbuffer, tensor_name, tensor_type, weight_operators
from optkit.tflite.interface import read_interface
from optkit.tflite.strip import named_parts
from tests.isolation import ROOT
from tests.tflite.models import crashing_model, int8_model, pack
from tests.tflite.networks import Graph, classifier, old_codes, samples, two_ends, two_samples, written

X = samples(256)


def convert(model, x=X, **fields):
    return convert_tflite(model if isinstance(model, bytes) else pack(model), Conversion(**fields), x, tried=True)


def outputs(tmp_path, data, x=X[:64]):
    path = tmp_path / "run.tflite"
    path.write_bytes(data)
    return run_samples(path, x)


def kinds(data):
    tree = parse_flatbuffer(data)
    return [tensor_type(tensor) for graph in tree.subgraphs for _, tensor in weight_operators(tree, graph)]


CASES: dict[str, tuple[dict[str, Any], Any, float]] = {
    "float32": ({}, ["float32", "float32"], 0.0),
    "float16": ({"mode": "float16"}, ["float16", "float16"], 2e-3),
    # the last layer has 400 weights, fewer than the converter's threshold
    "dynamic_range": ({"mode": "dynamic_range"}, ["int8", "float32"], 0.03),
    "int8": ({"mode": "int8"}, ["int8", "int8"], 0.05),
    "int8 per tensor": ({"mode": "int8", "granularity": "per_tensor"}, ["int8", "int8"], 0.05),
    "int8 io": ({"mode": "int8", "input_type": "int8", "output_type": "int8"}, ["int8", "int8"], 0.05),
    "uint8 io": ({"mode": "int8", "input_type": "uint8", "output_type": "uint8"}, ["int8", "int8"], 0.05),
    "int8 kl": ({"mode": "int8", "calibration": "kl"}, ["int8", "int8"], 0.08),
    "int8 l2": ({"mode": "int8", "calibration": "l2"}, ["int8", "int8"], 0.05),
    "int8 percentile": ({"mode": "int8", "calibration": "percentile"}, ["int8", "int8"], 0.08),
    "int8 moving average": ({"mode": "int8", "calibration": "moving_average"}, ["int8", "int8"], 0.08),
    "int8 mse": ({"mode": "int8", "algorithm": "mse"}, ["int8", "int8"], 0.08),
    "int8 octav": ({"mode": "int8", "algorithm": "octav"}, ["int8", "int8"], 0.08),
    "int8 gptq": ({"mode": "int8", "algorithm": "gptq"}, ["int8", "int8"], 0.05),
    "int16x8": ({"mode": "int16x8"}, ["int8", "int8"], 0.02),
    "int4_weights": ({"mode": "int4_weights"}, ["int4", "int4"], 0.4),
    "layers": ({"mode": "int8", "layers": {"logits": "float32"}}, ["int8", "float32"], 0.05),
    "layers of float": ({"layers": {"hidden": "float16"}}, ["float16", "float32"], 2e-3),
}


@pytest.mark.parametrize("name", CASES)
def test_a_mode_has_its_weights_and_outputs_near_the_float_file(name, tmp_path):
    fields, expected_kinds, tolerance = CASES[name]
    model = pack(old_codes(classifier(free="fixed" not in name, names=None)))
    data = convert(model, **fields)
    assert kinds(data) == expected_kinds
    [expected] = outputs(tmp_path, model).values()
    [got] = outputs(tmp_path, data).values()
    assert np.abs(got - expected).max() <= tolerance


@pytest.mark.parametrize("mode", ["float32", "dynamic_range", "int8"])
def test_a_file_whose_batch_is_fixed_is_calibrated_and_run_as_it_is(mode, tmp_path):
    model = pack(classifier(free=False, names=None))
    [expected] = outputs(tmp_path, model).values()
    data = convert(model, mode=mode)
    [got] = outputs(tmp_path, data).values()
    assert np.abs(got - expected).max() <= (0 if mode == "float32" else 0.05)
    assert read_interface(tmp_path / "run.tflite").batch == 1


@pytest.mark.parametrize("mode", ["dynamic_range", "int8", "int16x8", "float16"])
def test_several_inputs_and_outputs_keep_their_names_and_types(mode, tmp_path):
    model, x = pack(two_ends()), two_samples(200)
    expected = outputs(tmp_path, model, x)
    data = convert(model, x, mode=mode)
    got = outputs(tmp_path, data, x)
    interface = read_interface(tmp_path / "run.tflite")
    assert [(spec.name, spec.dtype) for spec in interface.inputs] == [("ids", "int32"), ("numbers", "float32")]
    assert list(got) == ["class", "flag"]
    for name, values in expected.items():
        assert np.abs(got[name] - values).max() <= 0.1


def test_calibration_draws_the_samples_that_its_size_and_seed_say():
    wide = np.concatenate([X[:40], 50 * X[40:80]])
    model = pack(classifier())
    one = convert(model, wide, mode="int8", calibration_samples=5, calibration_seed=1)
    assert one == convert(model, wide, mode="int8", calibration_samples=5, calibration_seed=1)
    assert one != convert(model, wide, mode="int8", calibration_samples=5, calibration_seed=2)


def test_gptq_has_less_error_than_min_max_on_what_it_was_calibrated_on(tmp_path):
    """Inputs that depend on each other: what GPTQ is for."""
    rng = np.random.default_rng(7)
    x = (rng.normal(size=(400, 3)) @ rng.normal(size=(3, 16))).astype(np.float32)
    graph = Graph(3)
    given = graph.add([1, 16], "x")
    model = pack(graph.model([given], [graph.dense(given, 16, 80, "only")], ("x", "y")))
    expected = outputs(tmp_path, model, x)["y"]
    errors = {
        algorithm: np.mean(
            (outputs(tmp_path, convert(model, x, mode="int4_weights", algorithm=algorithm), x)["y"] - expected) ** 2
        )
        for algorithm in ("min_max", "gptq")
    }
    assert errors["gptq"] < 0.7 * errors["min_max"]


DRAW = {"normal": lambda rng, shape: rng.normal(size=shape), "heavy tail": lambda rng, shape: rng.standard_t(3, shape)}


@pytest.mark.parametrize(("algorithm", "weights"), [("mse", "normal"), ("octav", "normal"), ("octav", "heavy tail")])
def test_clipping_has_less_error_than_min_max_in_4_bits(algorithm, weights, tmp_path):
    """MSE is a rule for weights that are normally distributed; OCTAV looks at the weights."""
    graph = Graph(3)
    given = graph.add([1, 1024], "x")
    model = graph.model([given], [graph.dense(given, 1024, 8, "only")], ("x", "y"))
    values = DRAW[weights](np.random.default_rng(1), (8, 1024)).astype(np.float32)
    model.buffers[1].data = np.frombuffer(values.tobytes(), np.uint8)
    model, x = pack(model), np.random.default_rng(2).normal(size=(100, 1024)).astype(np.float32)
    expected = outputs(tmp_path, model, x)["y"]
    clipped, plain = (
        np.mean((outputs(tmp_path, convert(model, x, mode="int4_weights", algorithm=name), x)["y"] - expected) ** 2)
        for name in (algorithm, "min_max")
    )
    assert clipped < 0.95 * plain


def test_an_algorithm_that_fits_no_operator_is_refused():
    graph = Graph()
    x, y = graph.add([1, 8, 8, 1], "x"), graph.add([1, 8, 8, 4], "y")
    w, b = graph.weights([4, 3, 3, 1], "w"), graph.weights([4], "b")
    graph.apply(3, [x, w, b], [y], schema.Conv2DOptionsT(strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1))
    model = graph.model([x], [y], ("x", "y"))
    with pytest.raises(
        BuildError, match=r"'gptq' is for FULLY_CONNECTED \(and 1x1 CONV_2D\); integer weights are in CONV_2D"
    ):
        convert(model, np.zeros((4, 8, 8, 1), np.float32), mode="int8", algorithm="gptq")


def test_the_algorithm_leaves_older_keys_as_they_were():
    # as it was before there was an algorithm
    assert digest(Conversion(mode="int8")) == "6a4f35aa08a6b26c3fff0bfed252f26764ce17ace10bf0b0dbbf784c04242ddf"
    assert digest(Conversion(mode="int8", algorithm="mse")) != digest(Conversion(mode="int8"))
    assert Conversion(mode="int8", algorithm="mse").uses_quantizer
    with pytest.raises(ValueError, match="'float16' has no integer weights"):
        Conversion(mode="float16", algorithm="mse")


def test_float32_is_the_file_itself_stripped(tmp_path):
    model = classifier()
    model.description = "made by somebody"
    data = convert(model)
    assert "made by somebody" not in named_parts(data)
    assert {"serving_default", "image", "scores"} <= set(named_parts(data))
    assert convert(model, None, strip="nothing") == pack(model)


def test_layers_are_called_by_the_parts_of_their_names():
    with pytest.raises(BuildError, match=r"no layer with weights matches 'hiden'; did you mean 'hidden'\?"):
        convert(classifier(), mode="int8", layers={"hiden": "float32"})
    # a part that every layer has, the network's name, is none
    with pytest.raises(BuildError, match="matches 'net'"):
        convert(classifier(), mode="int8", layers={"net": "float32"})


def test_a_quantized_file_is_refused():
    with pytest.raises(ArtifactError, match=r"quantized already: the weights of FULLY_CONNECTED \('w'\) are int8"):
        convert(int8_model())
    with pytest.raises(ArtifactError, match="quantized already"):
        convert(convert(classifier(), mode="int8"), mode="dynamic_range")
    with pytest.raises(ArtifactError, match="quantized already"):
        convert(convert(classifier(), mode="float16"), mode="int8")


def custom(code):
    model = classifier()
    model.operatorCodes[1] = schema.OperatorCodeT(deprecatedBuiltinCode=32, builtinCode=32, customCode=code, version=1)
    operator = model.subgraphs[0].operators[2]
    operator.builtinOptions, operator.builtinOptionsType = None, 0
    return model


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("FlexErf", "has the operator FlexErf, TensorFlow's own Erf, which LiteRT has not; export the model again"),
        ("MyOp\n", "has the custom operator MyOp\\n, which LiteRT has not; export the model again without it"),
    ],
)
def test_an_operator_that_the_runtime_has_not_is_named(code, told):
    with pytest.raises(ArtifactError, match=re.escape(told)):
        convert(custom(code), mode="int8")


def test_an_operator_of_a_newer_runtime_is_refused():
    model = classifier()
    model.operatorCodes[1] = schema.OperatorCodeT(deprecatedBuiltinCode=127, builtinCode=9999, version=1)
    with pytest.raises(ArtifactError, match="an operator of number 9999, which this LiteRT does not know"):
        convert(model)


def test_a_file_that_crashes_the_runtime_ends_no_process_but_its_own():
    with pytest.raises(ArtifactError, match=r"the runtime crashed on my\.tflite \(signal"):
        convert_tflite(pack(crashing_model()), Conversion(mode="dynamic_range"), None, name="my.tflite")


def test_a_damaged_file_is_refused():
    with pytest.raises(ArtifactError, match=r"^my\.tflite is damaged"):
        convert_tflite(pack(classifier())[:300], Conversion(), None, name="my.tflite")


@pytest.mark.parametrize(
    ("x", "fields", "told"),
    [
        (None, {"mode": "int8"}, "mode 'int8' needs samples to calibrate on"),
        (None, {"mode": "dynamic_range", "algorithm": "gptq"}, "algorithm 'gptq' needs samples to calibrate on"),
        (X[:0], {"mode": "int8"}, "the calibration data has no samples"),
        (X[:, :15], {"mode": "int8"}, "have shape (15,); the model takes (16)"),
    ],
)
def test_samples_that_cannot_calibrate_are_refused(x, fields, told):
    with pytest.raises(DataError, match=re.escape(told)):
        convert(classifier(), x, **fields)


def test_values_that_are_not_finite_and_sparse_are_refused():
    with pytest.raises(BuildError, match="not finite"):
        convert(classifier(), X * np.float32(np.nan), mode="int8")
    with pytest.raises(BuildError, match="sparse is for Keras models"):
        convert(classifier(), sparse=True)


BLOCKED = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "tf_keras", "keras", "tensorflow_model_optimization", "h5py"):
            raise ImportError(f"{name} is not installed here")

sys.meta_path.insert(0, Refuse())
import numpy as np
from pathlib import Path
import optkit.cli, optkit.judge.ab, optkit.measure.latency, optkit.runtime.predict
from optkit import weights_of
from optkit.convert.from_tflite import convert_tflite
from optkit.runtime.samples import run_samples
from optkit.spec import Conversion
from optkit.tflite.interface import read_interface
from optkit.tflite.outputs import output_kinds

path = Path(sys.argv[1])
x = np.random.default_rng(0).normal(size=(40, 16)).astype(np.float32)
for fields in (
    {}, {"mode": "float16"}, {"mode": "dynamic_range"}, {"mode": "int16x8"}, {"mode": "int4_weights"},
    {"mode": "int8", "calibration": "kl"}, {"mode": "int8", "algorithm": "gptq"},
):
    made = path.with_name("made.tflite")
    made.write_bytes(convert_tflite(path.read_bytes(), Conversion(**fields), x, tried=True))
    run_samples(made, x)
    read_interface(made), output_kinds(made), weights_of(made)
print("done")
"""


def test_all_of_it_works_where_tensorflow_is_not_installed(tmp_path):
    path = written(tmp_path / "model.tflite", classifier())
    done = subprocess.run([sys.executable, "-c", BLOCKED, str(path)], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "done\n", done.stderr


def test_a_converted_file_is_whole(tmp_path):
    for mode in ("int8", "int16x8", "float16"):
        path = tmp_path / f"{mode}.tflite"
        path.write_bytes(convert(classifier(), mode=mode))
        assert {tensor_name(tensor) for _, tensor in weight_operators(*graph_of(path))} == {
            "net/hidden/kernel",
            "net/logits/kernel",
        }


def graph_of(path):
    model = read_flatbuffer(path)
    return model, model.subgraphs[0]
