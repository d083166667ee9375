"""The inputs and outputs of a file, read without running it; and samples that fit them or do not."""

import re
import subprocess
import sys

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from optkit.errors import ArtifactError, DataError
from optkit.tflite.interface import fit, interface_of, read_interface
from tests.isolation import ROOT
from tests.tflite.networks import TYPE, Graph, classifier, two_ends, two_samples, written


def test_names_shapes_and_types_are_those_of_the_interpreter(tmp_path):
    path = written(tmp_path / "model.tflite", two_ends())
    found = read_interface(path)
    interpreter = Interpreter(model_path=str(path))
    runner = interpreter.get_signature_runner("serving_default")
    for specs, details in ((found.inputs, runner.get_input_details()), (found.outputs, runner.get_output_details())):
        assert {spec.name for spec in specs} == set(details)
        for spec in specs:
            assert spec.dtype == np.dtype(details[spec.name]["dtype"]).name
            assert [-1 if size is None else size for size in spec.shape] == list(details[spec.name]["shape_signature"])
            assert spec.index == details[spec.name]["index"]
    assert [spec.index for spec in found.outputs] == [one["index"] for one in interpreter.get_output_details()]
    assert (found.signature, found.batch) == ("serving_default", None)


def test_without_a_signature_tensors_give_the_names_and_a_fixed_batch_is_said(tmp_path):
    found = read_interface(written(tmp_path / "model.tflite", classifier(free=False, names=None)))
    assert [spec.name for spec in (*found.inputs, *found.outputs)] == ["net/x", "net/softmax"]
    assert (found.signature, found.batch) == ("", 1)


def test_a_signature_is_chosen_by_name(tmp_path):
    model = classifier()
    other = schema.SignatureDefT(
        signatureKey="other",
        subgraphIndex=0,
        inputs=[schema.TensorMapT(name="a", tensorIndex=int(model.subgraphs[0].inputs[0]))],
        outputs=[schema.TensorMapT(name="b", tensorIndex=int(model.subgraphs[0].outputs[0]))],
    )
    model.signatureDefs.insert(0, other)
    path = written(tmp_path / "model.tflite", model)
    assert read_interface(path).inputs[0].name == "image"
    assert read_interface(path, "other").inputs[0].name == "a"
    with pytest.raises(ArtifactError, match=r"no signature 'oter'; did you mean 'other'\?"):
        read_interface(path, "oter")


def test_a_signature_of_another_subgraph_is_refused():
    model = classifier()
    model.signatureDefs[0].signatureKey = b"serving_default"
    model.signatureDefs[0].subgraphIndex = 1
    with pytest.raises(ArtifactError, match="is of subgraph 1"):
        interface_of(model, "the model", "serving_default")


def test_inputs_that_take_different_numbers_of_samples_are_refused(tmp_path):
    graph = Graph()
    a, b = graph.add([1, 4], "a"), graph.add([3, 4], "b", free=False)
    path = written(tmp_path / "model.tflite", graph.model([a, b], [a], ("a", "b", "c")))
    with pytest.raises(ArtifactError, match=r"different numbers of samples a call .'a' any number, 'b' 3."):
        read_interface(path)
    graph = Graph()
    a = graph.add([], "a", free=False)
    path = written(tmp_path / "scalar.tflite", graph.model([a], [a], ("a", "c")))
    with pytest.raises(ArtifactError, match="'a' is a single number"):
        read_interface(path)


@pytest.fixture
def two(tmp_path):
    return read_interface(written(tmp_path / "two.tflite", two_ends()))


def test_samples_come_back_in_the_types_of_the_inputs(two):
    x = two_samples(8)
    found = fit({"numbers": x["numbers"].astype(np.float64), "ids": x["ids"].astype(np.float32)}, two, "the data")
    assert list(found) == ["ids", "numbers"]
    assert (found["ids"].dtype, found["numbers"].dtype) == (np.int32, np.float32)
    np.testing.assert_array_equal(found["ids"], x["ids"])


IDS, NUMBERS = np.zeros((8, 6), np.int64), np.zeros((8, 16), np.float32)


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        (NUMBERS, "is one array, but the model has the inputs 'ids', 'numbers'"),
        ({"ids": IDS}, "has arrays for 'ids'; the model has the inputs 'ids', 'numbers'"),
        ({"ids": IDS, "numbers": NUMBERS[:7]}, "different numbers of samples: {'ids': 8, 'numbers': 7}"),
        ({"ids": IDS, "numbers": NUMBERS[:, :15]}, "have shape (15,); the model takes (16)"),
        ({"ids": IDS + 0.5, "numbers": NUMBERS}, "holds fractions, the model takes int32"),
        ({"ids": IDS + np.nan, "numbers": NUMBERS}, "holds fractions, the model takes int32"),
        ({"ids": IDS + 2**40, "numbers": NUMBERS}, "int32 holds -2147483648 to 2147483647"),
        ({"ids": IDS.astype(str), "numbers": NUMBERS}, "expected numbers"),
    ],
)
def test_samples_that_do_not_fit_are_refused_side_by_side(two, arrays, told):
    with pytest.raises(DataError, match=re.escape(told)):
        fit(arrays, two, "the data")


def test_strings_are_refused(tmp_path):
    graph = Graph()
    a = graph.add([1, 4], "a", TYPE.STRING)
    interface = read_interface(written(tmp_path / "model.tflite", graph.model([a], [a], ("a", "c"))))
    with pytest.raises(DataError, match="the model takes string; expected numbers"):
        fit(np.zeros((3, 4)), interface, "the data")


def test_reading_an_interface_loads_no_tensorflow(tmp_path):
    path = written(tmp_path / "model.tflite", classifier())
    code = (
        "import sys; from pathlib import Path; from optkit.tflite.interface import read_interface; "
        f"read_interface(Path({str(path)!r})); "
        "print([m for m in sys.modules if m.split('.')[0] in ('tensorflow', 'tf_keras', 'keras')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
