"""A model that is read and built again is the same model."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from optkit.errors import BuildError
from optkit.keras.graph import build_model, read_graph
from optkit.keras.tensorflow import load_keras
from optkit.models import mnist_conv
from tests.techniques.networks import build, largest_difference, randomized, recipes


@given(recipe=recipes())
@settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_reading_and_building_changes_nothing(recipe: dict[str, Any]) -> None:
    model = build(**recipe)
    again = build_model(read_graph(model))

    assert largest_difference(model, again) == 0
    assert {layer.name for layer in again.layers} == {layer.name for layer in model.layers}


def test_a_sequential_model_becomes_functional_with_its_names() -> None:
    model = randomized(mnist_conv.build(filters=2), 1)
    again = build_model(read_graph(model))

    assert (again.input_names, again.name) == (["image"], "mnist_conv")
    assert [layer.name for layer in again.layers[1:]] == [layer.name for layer in model.layers]
    assert largest_difference(model, again) == 0


def test_several_inputs_and_outputs_keep_their_order() -> None:
    keras = load_keras()
    layers = keras.layers
    one, two = layers.Input((4,), name="one"), layers.Input((3,), name="two")
    x, y = layers.Dense(2, name="x")(one), layers.Dense(5, name="y")(two)
    graph = read_graph(keras.Model([two, one], [y, x], name="pair"))

    assert (graph.inputs, graph.outputs) == (("two", "one"), ("y", "x"))
    assert build_model(graph).output_shape == [(None, 5), (None, 2)]


def test_what_cannot_be_read_is_refused_by_name() -> None:
    keras = load_keras()
    layers = keras.layers
    image = layers.Input((4,), name="image")
    with pytest.raises(BuildError, match="'bn' is called with"):
        read_graph(keras.Model(image, layers.BatchNormalization(name="bn")(image, training=False), name="frozen"))
    with pytest.raises(BuildError, match="operation that is no layer"):
        read_graph(keras.Model(image, image * 2.0, name="operation"))
    inner = keras.Sequential([layers.InputLayer((4,), name="i"), layers.Dense(2, name="same")], name="inner")
    with pytest.raises(BuildError, match="two layers are called 'same'"):
        read_graph(keras.Model(image, layers.Dense(2, name="same")(inner(image)), name="outer"))
    with pytest.raises(BuildError, match="no input shape"):
        read_graph(keras.Sequential([layers.Dense(2, name="dense")], name="shapeless"))
