from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optkit.keras.layers import kernel_layers
from optkit.keras.tensorflow import load_keras, make_deterministic
from optkit.techniques.cluster import Cluster, clustering_of
from optkit.techniques.distill import Distill
from optkit.techniques.prune import Prune
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

FAST: dict[str, Any] = {"epochs": 1, "batch_size": 64, "validation_split": 0.0}


def pruned(model, **by_layer):
    """`model` with the smallest weights of each named layer zero, untrained."""
    for layer in kernel_layers(model):
        values = layer.kernel.numpy()
        keep = by_layer.get(layer.name, values.size)
        order = np.argsort(np.abs(values), axis=None)
        values.flat[order[: values.size - keep]] = 0
        layer.kernel.assign(values)
    return model


def zero_masks(model):
    return [layer.kernel.numpy() == 0 for layer in kernel_layers(model)]


def test_the_promise_on_the_converted_file(tmp_path):
    model = sequential()
    before = weights(model)
    step = Cluster(clusters=5, **FAST)
    clustered = run(model, step)
    assert same(before, weights(model))
    for mode in ("float32", "dynamic_range", "int8"):
        facts = converted(clustered, tmp_path, mode)
        assert holds(step, facts)
        assert not holds(Cluster(clusters=2, **FAST), facts)


@pytest.mark.parametrize("preserve_sparsity", [False, True])
@pytest.mark.parametrize("init", ["linear", "density", "random", "kmeans++"])
def test_every_initialization(init, preserve_sparsity):
    make_deterministic(1)
    layers = load_keras().layers
    dense = [layers.Flatten(input_shape=(8, 8, 1), name="flatten"), layers.Dense(4, name="logits")]
    model = pruned(load_keras().Sequential(dense), logits=60)
    step = Cluster(clusters=6, init=init, preserve_sparsity=preserve_sparsity, **FAST)
    clustered = run(model, step)
    for layer, was_zero in zip(kernel_layers(clustered), zero_masks(model), strict=True):
        values = layer.kernel.numpy()
        assert len(np.unique(values)) <= 6
        if preserve_sparsity:
            assert (values[was_zero] == 0).all()


@pytest.mark.parametrize(("left", "per_channel"), [(0, True), (3, False), (7, True), (8, False), (9, True)])
def test_layers_with_fewer_nonzero_weights_than_clusters(left, per_channel, tmp_path):
    model = pruned(sequential(), conv=left, hidden=40, logits=left)
    step = Cluster(clusters=8, preserve_sparsity=True, per_channel=per_channel, **FAST)
    clustered = run(model, step)
    for before, after in zip(zero_masks(model), zero_masks(clustered), strict=True):
        assert (after | ~before).all()
    assert holds(step, kept(clustered, tmp_path))


def test_a_layer_with_few_values_keeps_its_groups_while_others_train():
    model = sequential()
    conv = model.get_layer("conv")
    conv.kernel.assign(np.sign(conv.kernel.numpy()).astype(np.float32))
    after = run(model, Cluster(clusters=4, learning_rate=0.01, **FAST)).get_layer("conv").kernel.numpy()
    assert len(np.unique(after)) == 2
    assert not np.array_equal(np.abs(after), np.ones_like(after))  # it was fine-tuned all the same


def test_per_channel(tmp_path):
    model = functional()
    keras_layers = {layer.name: layer for layer in kernel_layers(model)}
    assert not keras_layers["conv2"].use_bias
    step = Cluster(clusters=4, per_channel=True, **FAST)
    assert holds(step, converted(run(model, step), tmp_path))
    split = run(sequential(), step).get_layer("conv").kernel.numpy()
    assert len(np.unique(split)) > 4
    assert max(len(np.unique(split[..., i])) for i in range(split.shape[-1])) <= 4


def test_include_and_what_earlier_steps_clustered(tmp_path):
    first = run(functional(), Cluster(clusters=3, include=("conv*",), **FAST))
    second = run(first, Cluster(clusters=8, include=("logits",), **FAST))
    facts = converted(second, tmp_path, "float32")
    assert holds(Cluster(clusters=3, include=("conv*",), **FAST), facts)
    assert holds(Cluster(clusters=8, include=("logits",), **FAST), facts)


def test_pruned_then_clustered_keeps_the_promise_of_both(tmp_path):
    prune = Prune(final_sparsity=0.85, epochs=1, batch_size=64, validation_split=0.0)
    cluster = Cluster(clusters=8, preserve_sparsity=True, **FAST)
    pruned_model = run(sequential(), prune)
    facts = converted(run(pruned_model, cluster), tmp_path, "dynamic_range")
    assert holds(prune, facts)
    assert holds(cluster, facts)


def test_clustering_with_a_teacher_and_twice_the_same():
    outputs = {"big": sequential(5).predict(samples()[0], verbose=0)}
    step = Cluster(clusters=8, teaching=Distill(teacher="big").teaching, **FAST)
    assert step.needs() == ("big",)
    taught = weights(run(sequential(), step, context(outputs)))
    assert same(taught, weights(run(sequential(), step, context(outputs))))
    assert not same(taught, weights(run(sequential(), Cluster(clusters=8, **FAST))))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(3, 9),
    st.booleans(),
    st.lists(st.sampled_from([0.0, -0.5, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0]), min_size=8, max_size=48),
)
def test_clustering_is_only_asked_for_where_there_are_enough_values(clusters, per_channel, values):
    kernel = np.asarray(values[: len(values) // 4 * 4], np.float32).reshape(-1, 4)
    step = Cluster(clusters=clusters, per_channel=per_channel, preserve_sparsity=True)
    scope = clustering_of(kernel, step, may_split=True)
    counts = [len(np.unique(kernel[:, i])) for i in range(4)]
    if scope == "channels":
        assert per_channel
        assert min(counts) > clusters
    elif scope == "layer":
        assert len(np.unique(kernel)) > clusters
    else:
        assert (max(counts) if per_channel else len(np.unique(kernel))) <= clusters


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clusters": 1}, "clusters is 1; expected 2 or more"),
        ({"clusters": 2, "preserve_sparsity": True}, "expected 3 or more .zero"),
        ({"include": ()}, "include is empty"),
    ],
)
def test_parameters_out_of_range(changes, message):
    with pytest.raises(ValueError, match=message):
        Cluster(**changes)
