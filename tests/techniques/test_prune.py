from typing import Any

import numpy as np
import pytest

from optkit.errors import BuildError
from optkit.keras.layers import kernel_layers
from optkit.keras.tensorflow import load_keras
from optkit.techniques.cluster import Cluster
from optkit.techniques.distill import Distill
from optkit.techniques.prune import Prune, final_sparsities
from optkit.tflite.weights import weights_of
from tests.techniques.training_helpers import (
    context,
    converted,
    functional,
    holds,
    kept,
    run,
    same,
    samples,
    sequential,
    weights,
)

FAST: dict[str, Any] = {"epochs": 2, "batch_size": 64, "validation_split": 0.0}


def zeros(facts):
    return {tensor.layers[-1]: tensor.zeros for tensor in facts.tensors}


@pytest.mark.parametrize("schedule", ["polynomial", "constant"])
def test_schedules_reach_the_final_sparsity_in_few_steps(schedule, tmp_path):
    model = sequential()
    before = weights(model)
    step = Prune(schedule=schedule, final_sparsity=0.75, **FAST)
    facts = converted(run(model, step), tmp_path, "dynamic_range")
    assert same(before, weights(model))
    assert holds(step, facts)
    assert zeros(facts)["hidden"] == pytest.approx(0.75, abs=0.02)


def test_constant_prunes_from_the_start_and_polynomial_gradually():
    seen = {}
    callback: Any = load_keras().callbacks.Callback
    for schedule in ("constant", "polynomial"):
        shares: list[float] = []

        class Watch(callback):  # type: ignore[misc]  # Keras has no types
            def on_train_batch_end(self, batch, logs=None, shares=shares):
                wrapped = next(layer for layer in self.model.layers if layer.name.endswith("hidden"))
                shares.append(float(np.mean(wrapped.pruning_vars[0][1].numpy() == 0)))

        run(sequential(), Prune(schedule=schedule, final_sparsity=0.8, **FAST), context(callbacks=[Watch()]))
        seen[schedule] = shares
    assert seen["constant"][0] == pytest.approx(0.8, abs=0.02)
    assert 0.5 <= seen["polynomial"][0] < 0.78
    assert seen["polynomial"][-1] == pytest.approx(0.8, abs=0.02)


def test_exclude_leaves_a_layer_dense_and_the_promise_knows(tmp_path):
    step = Prune(final_sparsity=0.8, exclude=("conv",), **FAST)
    facts = kept(run(sequential(), step), tmp_path)
    assert zeros(facts)["conv"] < 0.2
    assert holds(step, facts)
    assert not holds(Prune(final_sparsity=0.8, **FAST), facts)


def test_sparsity_by_layer(tmp_path):
    table = {"logits": 0.5, "hid*": 0.9, "*": 0.6}
    step = Prune(sparsity_by_layer=table, initial_sparsity=0.3, **FAST)
    facts = kept(run(sequential(), step), tmp_path)
    found = zeros(facts)
    assert [found[name] for name in ("logits", "hidden", "conv")] == pytest.approx([0.5, 0.9, 0.6], abs=0.03)
    assert holds(step, facts)
    assert not holds(Prune(sparsity_by_layer={**table, "logits": 0.9}, initial_sparsity=0.3, **FAST), facts)


def test_two_of_four_in_the_converted_file(tmp_path):
    step = Prune(pattern="2:4", include=("hidden", "logits"), **FAST)
    facts = converted(run(sequential(), step), tmp_path)
    assert holds(step, facts)
    assert zeros(facts)["hidden"] == pytest.approx(0.5, abs=0.02)
    half = kept(run(sequential(), Prune(final_sparsity=0.5, **FAST)), tmp_path)
    assert not holds(step, half)  # half of the weights zero is not two of every four


def test_functional_models_with_nested_ones_and_earlier_zeros(tmp_path):
    model = functional()
    step = Prune(include=("conv2",), final_sparsity=0.7, **FAST)
    first = run(model, step)
    facts = converted(first, tmp_path, "dynamic_range")
    assert holds(step, facts)
    # A second pruning of the nested dense layer keeps what the first one made.
    second = converted(run(first, Prune(include=("logits",), final_sparsity=0.6, **FAST)), tmp_path, "dynamic_range")
    assert holds(step, second)
    assert zeros(second)["logits"] == pytest.approx(0.6, abs=0.02)


@pytest.fixture(scope="module")
def pruned():
    """`sequential()`, pruned to 80 % zeros."""
    return run(sequential(), Prune(final_sparsity=0.8, **FAST))


def test_zeros_are_positive(pruned):
    for layer in kernel_layers(pruned):
        kernel = layer.kernel.numpy()
        assert not np.signbit(kernel[kernel == 0]).any()


def test_the_same_twice(pruned):
    assert same(weights(pruned), weights(run(sequential(), Prune(final_sparsity=0.8, **FAST))))


def test_pruning_with_a_teacher(pruned, tmp_path):
    outputs = sequential(5).predict(samples()[0], verbose=0)
    step = Prune(final_sparsity=0.8, teaching=Distill(teacher="big").teaching, **FAST)
    assert step.needs() == ("big",)
    taught = run(sequential(), step, context({"big": outputs}))
    assert holds(step, kept(taught, tmp_path))
    assert not same(weights(pruned), weights(taught))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"final_sparsity": 1.0}, "final_sparsity is 1.0"),
        ({"initial_sparsity": 0.9}, "initial_sparsity 0.9 is above final_sparsity 0.8"),
        ({"sparsity_by_layer": {"a": 0.3}}, "initial_sparsity 0.5 is above"),
        ({"sparsity_by_layer": {"a": 0.8}, "include": ("b",)}, "drop include"),
        ({"sparsity_by_layer": {"a": 0.8}, "pattern": "2:4"}, "drop sparsity_by_layer"),
        ({"include": ()}, "include is empty"),
        ({"epochs": 0}, "epochs is 0"),
    ],
)
def test_parameters_out_of_range(changes, message):
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        Prune(**changes)


def test_what_cannot_be_pruned_is_named_before_training():
    layers = load_keras().layers
    model = load_keras().Sequential(
        [layers.DepthwiseConv2D(3, input_shape=(8, 8, 1), name="dw"), layers.Flatten(), layers.Dense(4, name="logits")]
    )
    with pytest.raises(BuildError, match=r"prune cannot change layer 'dw' \(DepthwiseConv2D\)"):
        run(model, Prune(include=("dw", "logits")))
    with pytest.raises(BuildError, match="no layer's name fits 'dense'"):
        run(model, Prune(include=("dense",)))
    with pytest.raises(BuildError, match="leave no layer"):
        run(model, Prune(include=("logits",), exclude=("log*",)))
    with pytest.raises(BuildError, match="fits no layer that is left"):
        final_sparsities(model, Prune(sparsity_by_layer={"log*": 0.8, "logits": 0.9}))
    assert final_sparsities(model, Prune(exclude=("dw",))) == {"logits": 0.8}
    assert final_sparsities(model, Prune()) == {"logits": 0.8}, "every layer, but for depthwise ones"


def test_sparsity_is_logged_for_tensorboard_and_noted(tmp_path):
    notes: list[str] = []
    run(sequential(), Prune(final_sparsity=0.8, **FAST), context(log_dir=tmp_path / "log", note=notes.append))
    assert any(b"mask:0/sparsity" in path.read_bytes() for path in tmp_path.glob("log/metrics/*"))
    (note,) = notes
    assert note.startswith("share of zeros: conv 0.")


@pytest.mark.parametrize(
    "step", [Prune(final_sparsity=0.8, **FAST), Cluster(clusters=8, **FAST)], ids=["prune", "cluster"]
)
def test_depthwise_convolutions_are_left_alone_and_the_promise_is_of_the_others(step, tmp_path):
    """A MobileNet or DS-CNN is changed as it is: nobody has to name its depthwise layers."""
    layers = load_keras().layers
    model = load_keras().Sequential(
        [
            layers.InputLayer(input_shape=(8, 8, 1), name="image"),
            layers.Conv2D(6, 3, name="conv"),
            layers.DepthwiseConv2D(3, name="dw"),
            layers.Flatten(name="flatten"),
            layers.Dense(4, name="logits"),
        ],
        name="separable",
    )
    changed = run(model, step)
    assert (changed.get_layer("dw").depthwise_kernel.numpy() != 0).all()
    for facts in (converted(changed, tmp_path), weights_of(tmp_path / "model.h5")):
        assert [tensor.depthwise for tensor in facts.tensors].count(True) == 1
        for gate in step.promises():
            if gate.metric != "leftover_wrappers":
                own = facts.of_layers(gate.layers, gate.except_layers, depthwise=gate.covers_depthwise)
                assert gate.holds(float(getattr(own, gate.metric)))
                assert not gate.holds(float(getattr(facts, gate.metric))), "the depthwise layer alone breaks it"
