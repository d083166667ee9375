"""Facts of single layers, and gates on them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optkit.judge.gates import judge
from optkit.keras.files import save_model
from optkit.record.facts import DatasetFacts
from optkit.record.run import Run
from optkit.spec import Gate, Network, Training, Variant
from optkit.tflite import weights as module
from optkit.tflite.flatbuffer import read_flatbuffer
from optkit.tflite.weights import weights_of
from tests.techniques.training_helpers import converted, functional, sequential

VARIANT = Variant(name="v", network=Network(name="mnist_conv"), training=Training(epochs=1))


class Facts:
    """As much of VariantFacts as a gate on weights looks at."""

    def __init__(self, weights):
        self.weights = weights


def judged(gate, weights):
    facts: Any = Facts(weights)
    data = DatasetFacts(name="mnist", digest="d" * 64, train=320, test=70)
    run = Run(suite="s", baseline="b", dataset=data, variants={"v": facts}, timings=())
    (verdict,) = judge(gate, VARIANT, run)
    return verdict


@pytest.mark.parametrize("mode", ["float16", "dynamic_range", "int8"])
def test_layers_of_a_tflite_file_are_the_keras_ones(mode, tmp_path):
    facts = converted(functional(), tmp_path, mode)
    for name in ("conv1", "conv2", "logits"):
        (tensor,) = facts.of_layers([name]).tensors
        assert name in tensor.layers
    assert len(facts.of_layers(["conv?"]).tensors) == 2
    assert len(facts.of_layers([], ["conv?"]).tensors) == 1
    assert len(facts.of_layers(["*"], ["head"]).tensors) == 2  # a nested model's name stands for its layers
    assert facts.of_layers(["small_residual"]).tensors == ()  # the model's own name is no layer's


def test_a_stripped_file_takes_its_names_from_its_source(tmp_path, monkeypatch):
    converted(sequential(), tmp_path, "dynamic_range")
    path = tmp_path / "model.tflite"
    model = read_flatbuffer(path)
    for tensor in model.subgraphs[0].tensors:
        tensor.name = None
    monkeypatch.setattr(module, "read_flatbuffer", lambda path: model)
    assert weights_of(path).of_layers(["hidden"]).tensors == ()
    facts = weights_of(path, tmp_path / "model.h5")
    assert [tensor.layers[-1] for tensor in facts.tensors] == ["conv", "hidden", "logits"]


def test_gates_on_layers(tmp_path):
    model = sequential()
    hidden = model.get_layer("hidden")
    hidden.kernel.assign(np.where(np.arange(hidden.kernel.shape[0])[:, None] % 4 < 3, 0, hidden.kernel.numpy()))
    save_model(model, tmp_path / "model.h5")
    for facts in (weights_of(tmp_path / "model.h5"), converted(model, tmp_path, "int8")):
        assert judged(Gate(metric="sparsity", min=0.7, layers=("hid*",)), facts).status == "pass"
        assert judged(Gate(metric="sparsity", min=0.7), facts).status == "fail"
        assert judged(Gate(metric="sparsity", min=0.7, except_layers=("conv", "logits")), facts).status == "pass"
        assert judged(Gate(metric="sparse_2_4", min=1, layers=("hidden",)), facts).status == "pass"
        assert judged(Gate(metric="sparse_2_4", min=1, layers=("logits",)), facts).status == "fail"
        missing = judged(Gate(metric="sparsity", min=0.7, layers=("dense",)), facts)
        assert missing.status == "not comparable"
        assert "layers dense" in str(missing)


def test_only_metrics_of_weights_take_layers():
    with pytest.raises(ValueError, match="accuracy is not of single layers"):
        Gate(metric="accuracy", min=0.9, layers=("conv",))


def test_values_are_counted_per_scale(tmp_path):
    model = sequential()
    conv = model.get_layer("conv")
    scales = 1 + np.arange(3) / 7
    conv.kernel.assign(np.sign(conv.kernel.numpy()) * scales)  # two values in each channel, six in all
    facts = converted(model, tmp_path, "float32").of_layers(["conv"])
    assert facts.tensors[0].distinct == 6
    assert facts.distinct_values == 2


@given(st.lists(st.lists(st.integers(0, 2), min_size=6, max_size=6), min_size=1, max_size=5))
def test_share_of_groups_with_two_zeros(rows):
    values = np.asarray(rows)
    groups = [group for row in rows for group in (row[:4], [*row[4:], 0, 0])]
    expected = sum(group.count(0) >= 2 for group in groups) / len(groups)
    assert module._sparse_2_4(values) == pytest.approx(expected)
