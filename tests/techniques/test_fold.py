"""Folding takes the batch normalizations away and leaves the outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from optkit.errors import BuildError
from optkit.keras.files import load_model, save_model
from optkit.keras.tensorflow import load_keras
from optkit.techniques.fold import Fold, apply
from tests.techniques.networks import build, largest_difference, randomized, recipes


def normalizations(model: Any) -> list[str]:
    return [layer.name for layer in model.layers if type(layer).__name__ == "BatchNormalization"]


@given(recipe=recipes())
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_outputs_stay(recipe: dict[str, Any]) -> None:
    model = build(**recipe)
    before = [value.copy() for value in model.get_weights()]
    try:
        folded = apply(model, Fold())
    except BuildError:
        assert recipe["stem"] == "conv"
        return
    assert largest_difference(model, folded) < 1e-5
    assert len(normalizations(folded)) < len(normalizations(model))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def layer_then_bn(make: Any, **bn: Any) -> Any:
    keras = load_keras()
    layers = keras.layers
    image = layers.Input((6, 6, 3), name="image")
    x = layers.BatchNormalization(name="bn", **bn)(make(layers)(image))
    return randomized(keras.Model(image, x, name="pair"), 5)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        lambda layers, bias: layers.Conv2D(4, 3, use_bias=bias, name="before"),
        lambda layers, bias: layers.Conv2D(6, 3, groups=3, use_bias=bias, name="before"),
        lambda layers, bias: layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=bias, name="before"),
        lambda layers, bias: layers.Dense(4, use_bias=bias, name="before"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False}])
def test_each_kind_of_layer(make: Any, bias: bool, options: dict[str, bool]) -> None:
    model = layer_then_bn(lambda layers: make(layers, bias), **options)
    folded = apply(model, Fold())

    assert [layer.name for layer in folded.layers] == ["image", "before"]
    assert largest_difference(model, folded) < 1e-5


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda layers: layers.Conv2D(4, 3, activation="relu", name="before"),
            "bn: 'before' has the activation 'relu'",
        ),
        (lambda layers: layers.ReLU(name="before"), "bn: it follows 'before' .ReLU"),
    ],
)
def test_where_nothing_folds_the_reason_is_given(make: Any, said: str) -> None:
    with pytest.raises(BuildError, match=said):
        apply(layer_then_bn(make), Fold())


def test_a_layer_that_is_read_elsewhere_keeps_its_normalization() -> None:
    model = build(("preactivation", "preactivation"), stem="conv")
    folded = apply(model, Fold())

    # the first BN of a block reads what the shortcut carries on; the second one follows a convolution
    assert len(normalizations(folded)) == 3
    assert largest_difference(model, folded) < 1e-5


def test_a_folded_model_is_saved_and_loaded(tmp_path: Path) -> None:
    folded = apply(build(("chain", "depthwise", "shortcut")), Fold())
    save_model(folded, tmp_path / "model.h5")

    assert largest_difference(folded, load_model(tmp_path / "model.h5")) == 0
    # the depthwise convolution's normalization is folded too
    assert normalizations(folded) == []
