"""Runners of several inputs and outputs, and files whose batch is 1 for ever."""

import numpy as np
import pytest

from optkit.errors import ArtifactError, DataError
from optkit.runtime import TFLiteRunner
from optkit.runtime.litert import _decode, _encode
from optkit.runtime.samples import run_samples
from optkit.tflite.flatbuffer import read_flatbuffer, tensor_name, tensor_values
from tests.tflite.networks import TYPE, Graph, classifier, samples, two_ends, two_samples, written


def by_hand(path, x):
    """Compute the two outputs of `two_ends` in numpy."""
    model = read_flatbuffer(path)
    constants = {
        tensor_name(tensor): tensor_values(model, tensor)
        for tensor in model.subgraphs[0].tensors
        if tensor.buffer and tensor.type == TYPE.FLOAT32
    }

    def dense(name, values):
        return values @ constants[f"net/{name}/kernel"].T + constants[f"net/{name}/bias"]

    words = constants["net/table"][x["ids"]].reshape(len(x["ids"]), -1)
    hidden = np.maximum(dense("hidden", np.concatenate([words, x["numbers"]], axis=1)), 0)
    exponents = np.exp(dense("logits", hidden))
    return {"class": exponents / exponents.sum(axis=1, keepdims=True), "flag": 1 / (1 + np.exp(-dense("one", hidden)))}


@pytest.mark.parametrize("batch", [1, 5, 32])
def test_several_inputs_and_outputs_by_name_at_any_batch(batch, tmp_path):
    path, x = written(tmp_path / "two.tflite", two_ends()), two_samples(12)
    found = run_samples(path, x, batch=batch)
    for name, expected in by_hand(path, x).items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-4, atol=1e-6)
    assert {name: values.shape for name, values in found.items()} == {"class": (12, 5), "flag": (12, 1)}


def test_a_fixed_batch_of_one_is_run_sample_by_sample(tmp_path):
    fixed = written(tmp_path / "fixed.tflite", classifier(free=False))
    free = written(tmp_path / "free.tflite", classifier())
    x = samples(7)
    np.testing.assert_allclose(run_samples(fixed, x)["scores"], run_samples(free, x)["scores"], rtol=1e-5)


def test_a_fixed_batch_is_filled_up(tmp_path):
    graph = Graph()
    x = graph.add([4, 16], "x", free=False)
    y = graph.add([4, 3], "y", free=False)
    w, b = graph.weights([3, 16], "w"), graph.weights([3], "b")
    graph.apply(9, [x, w, b], [y])
    path = written(tmp_path / "four.tflite", graph.model([x], [y], ("x", "y")))
    for count in (1, 4, 6):
        x = samples(count)
        model = read_flatbuffer(path)
        weights, bias = (tensor_values(model, model.subgraphs[0].tensors[i]) for i in (w, b))
        np.testing.assert_allclose(run_samples(path, x)["y"], x @ weights.T + bias, rtol=1e-4, atol=1e-5)


def test_a_free_length_is_what_the_samples_have(tmp_path):
    graph = Graph()
    x, y = graph.add([1, 1], "x"), graph.add([1, 1], "y")
    for index in (x, y):
        graph.tensors[index].shapeSignature = [-1, -1]
    graph.apply(14, [x], [y])  # LOGISTIC
    path = written(tmp_path / "free.tflite", graph.model([x], [y], ("x", "y")))
    values = samples(5)
    np.testing.assert_allclose(run_samples(path, values)["y"], 1 / (1 + np.exp(-values)), rtol=1e-5)


def test_one_output_of_several_has_to_be_named(tmp_path):
    runner = TFLiteRunner(written(tmp_path / "two.tflite", two_ends()))
    raw = runner.invoke(runner.prepare({**two_samples(1), "ids": two_samples(1)["ids"].astype(np.int32)}))
    assert runner.scores(raw, "flag").shape == (1, 1)
    with pytest.raises(ArtifactError, match="has the outputs 'class', 'flag', and None was asked for"):
        runner.scores(raw)
    with pytest.raises(ArtifactError, match="has the inputs 'ids', 'numbers'; expected one"):
        _ = runner.sample_shape
    with pytest.raises(ArtifactError, match=r"samples are for the inputs 'ids'; .* takes 'ids', 'numbers'"):
        runner.prepare(np.zeros((1, 6)))


def test_data_without_samples_is_refused(tmp_path):
    with pytest.raises(DataError, match="has no samples"):
        run_samples(written(tmp_path / "model.tflite", classifier()), samples(0))


def test_integers_without_a_scale_are_themselves():
    """Ids, class numbers and counts are no quantized values: a scale of 0 says so."""
    details = {"dtype": np.int32, "quantization": (0.0, 0)}
    assert _encode(np.array([7, 2], np.float32), details).tolist() == [7, 2]
    assert _decode(np.array([7, 2], np.int32), details).tolist() == [7.0, 2.0]
