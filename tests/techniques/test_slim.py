"""Slimming removes what masking would silence, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optkit.convert import convert
from optkit.errors import BuildError
from optkit.keras.files import load_model, save_model
from optkit.keras.tensorflow import load_keras
from optkit.models import mnist_bn
from optkit.spec import Conversion
from optkit.techniques.slim import Slim, apply, plan
from optkit.tflite.flatbuffer import operator_name, read_flatbuffer
from tests.techniques.networks import build, largest_difference, masked, randomized, recipes, samples


@given(recipe=recipes(), ratio=st.sampled_from((0.2, 0.5, 0.8)), floor=st.integers(1, 3))
@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_slimmed_outputs_equal_the_masked_originals(recipe: dict[str, Any], ratio: float, floor: int) -> None:
    model, step = build(**recipe), Slim(ratio=ratio, min_channels=floor)
    if recipe["stem"] == "conv" and set(recipe["blocks"]) == {"pool"} and recipe["head"] != "dense_bn":
        with pytest.raises(BuildError, match="no channel"):
            plan(model, step)
        return
    before = [value.copy() for value in model.get_weights()]
    planned, slimmed = plan(model, step), apply(model, step)

    assert largest_difference(masked(model, planned.masked), slimmed) < 1e-5
    for layer, count in planned.after.items():
        assert count >= min(floor, planned.before[layer])
        assert slimmed.get_layer(layer).output_shape[-1] == count
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("block", ["chain", "shortcut", "projected", "preactivation", "concat", "depthwise"])
def test_every_block_loses_channels(block: str) -> None:
    # an odd seed gives the depthwise convolution two outputs per input
    model = build((block, block), channels=6, stem="conv_bn_relu" if block != "preactivation" else "conv", seed=1)
    step = Slim(ratio=0.5, min_channels=1)
    slimmed = apply(model, step)

    assert largest_difference(masked(model, plan(model, step).masked), slimmed) < 1e-5
    assert largest_difference(model, slimmed) > 1e-3, "the comparison cannot tell masked from unmasked"
    # half the channels are a quarter of a convolution's weights; what shortcuts hold makes it more
    assert slimmed.count_params() < 0.7 * model.count_params()
    names = {layer.name for layer in slimmed.layers if not layer.name.endswith("_select")}
    assert names == {layer.name for layer in model.layers}


def test_selection_stands_only_where_a_shortcut_needs_the_channels() -> None:
    step = Slim(ratio=0.5, min_channels=1)
    assert plan(build(("shortcut", "concat", "depthwise"), channels=6), step).selections == ()

    model = build(("preactivation", "preactivation"), channels=6, stem="conv")
    planned, slimmed = plan(model, step), apply(model, step)
    assert planned.selections
    names = [layer.name for layer in slimmed.layers if type(layer).__name__ == "ChannelSelection"]
    assert names == [f"{name}_select" for name in planned.selections]


def test_slimming_twice_narrows_the_selection_and_stays_exact() -> None:
    step = Slim(ratio=0.3, min_channels=1)
    first = apply(build(("preactivation", "dense_concat", "preactivation"), channels=6, stem="conv"), step)
    planned, second = plan(first, step), apply(first, step)

    assert second.count_params() < first.count_params()
    assert largest_difference(masked(first, planned.masked), second) < 1e-5
    selections = [layer for layer in second.layers if type(layer).__name__ == "ChannelSelection"]
    assert all(not layer.name.endswith("_select_select") for layer in selections)


def test_the_floor_holds_and_is_reported() -> None:
    model = build(("chain", "chain"), channels=5)
    layer = model.get_layer("bn5")
    gamma, *others = layer.get_weights()
    layer.set_weights([gamma * 1e-6, *others])
    planned = plan(model, Slim(ratio=0.4, min_channels=2))

    assert planned.after["bn5"] == 2
    [floor] = [floor for floor in planned.floors if floor.layer == "bn5"]
    assert (floor.asked, floor.kept) == (0, 2)
    # what the threshold's channels have is at least what the others lack
    kept = np.delete(gamma, planned.masked["bn5"])
    assert np.min(np.abs(kept)) >= np.max(np.abs(gamma[list(planned.masked["bn5"])]))


def test_the_smallest_scales_go_by_one_global_threshold() -> None:
    model = build(("chain", "chain"), channels=8)
    planned = plan(model, Slim(ratio=0.25, min_channels=1))

    scales = {name: np.abs(model.get_layer(name).gamma.numpy()) for name in planned.before if name.startswith("bn")}
    assert sum(len(found) for found in planned.masked.values()) == 6
    for name, values in scales.items():
        assert [i for i, v in enumerate(values) if v < planned.threshold] == list(planned.masked.get(name, ()))


def test_what_cannot_go_is_held_with_the_reason() -> None:
    keras = load_keras()
    layers = keras.layers
    image = layers.Input((6, 6, 2), name="image")
    x = layers.BatchNormalization(name="bn")(layers.Conv2D(4, 3, name="conv")(image))
    x = layers.Activation("sigmoid", name="squash")(x)
    x = layers.BatchNormalization(name="bn_free")(layers.Conv2D(4, 3, name="conv_free")(x))
    model = keras.Model(image, layers.Dense(2, name="logits")(layers.Flatten(name="flat")(x)), name="held")
    planned = plan(randomized(model, 1), Slim(ratio=0.5))

    [held] = planned.held
    assert (held.layer, held.channels) == ("bn", 4)
    assert "squash" in held.reason
    assert planned.after["conv"] == 4
    assert planned.after["conv_free"] == 2


@pytest.mark.parametrize("bias", [True, False])
def test_a_depthwise_bias_holds_the_channels_that_it_revives(bias: bool) -> None:
    keras = load_keras()
    layers = keras.layers
    image = layers.Input((6, 6, 2), name="image")
    x = layers.BatchNormalization(name="bn")(layers.Conv2D(4, 3, name="conv")(image))
    x = layers.DepthwiseConv2D(3, use_bias=bias, name="depthwise")(x)
    x = layers.BatchNormalization(name="bn2")(layers.Conv2D(4, 1, name="conv2")(x))
    model = randomized(keras.Model(image, layers.Flatten(name="flat")(layers.Dense(2, name="d")(x))), 1)
    planned = plan(model, Slim(ratio=0.5, min_channels=1))

    assert {held.layer for held in planned.held} == ({"bn"} if bias else set())
    assert largest_difference(masked(model, planned.masked), apply(model, Slim(ratio=0.5, min_channels=1))) < 1e-5


def test_a_channel_that_is_normalized_again_is_held() -> None:
    # a stem with its own normalization, then blocks that normalize what the shortcut concatenates
    model = build(("dense_concat", "dense_concat"), channels=5, stem="conv_bn_relu")
    step = Slim(ratio=0.6, min_channels=1)
    planned = plan(model, step)

    assert any("normalizes it again" in held.reason for held in planned.held)
    assert largest_difference(masked(model, planned.masked), apply(model, step)) < 1e-5


def refused(extra: Any) -> Any:
    keras = load_keras()
    layers = keras.layers
    image = layers.Input((6, 6, 2), name="image")
    x = layers.BatchNormalization(name="bn")(layers.Conv2D(4, 3, name="conv")(image))
    x = layers.Flatten(name="flat")(extra(layers)(x))
    return keras.Model(image, layers.Dense(2, name="logits")(x), name="refused")


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (lambda layers: layers.Conv2D(4, 3, groups=2, name="odd"), "'odd'.*2 groups"),
        (lambda layers: layers.Conv2DTranspose(4, 3, name="odd"), "'odd' .Conv2DTranspose"),
        (lambda layers: layers.Lambda(lambda x: x, name="odd"), "'odd' is a Lambda"),
        (lambda layers: layers.LayerNormalization(name="odd"), "'odd' .LayerNormalization"),
        (lambda layers: layers.Reshape((32, 2), name="odd"), "'odd' .Reshape.*last axis 2 of 4"),
        (lambda layers: layers.Permute((3, 1, 2), name="odd"), "'odd' .Permute"),
    ],
)
def test_layers_that_lose_the_channels_are_refused_by_name(extra: Any, said: str) -> None:
    with pytest.raises(BuildError, match=said):
        apply(refused(extra), Slim())


def test_a_model_without_batch_normalization_is_refused() -> None:
    with pytest.raises(BuildError, match="no BatchNormalization has a scale"):
        apply(build(("pool",), stem="conv", head="flatten"), Slim())


def test_a_layer_called_twice_and_a_subclassed_model_are_refused() -> None:
    keras = load_keras()
    image = keras.layers.Input((4, 4, 2), name="image")
    shared = keras.layers.Conv2D(2, 1, name="shared")
    with pytest.raises(BuildError, match="'shared' is called 2 times"):
        apply(keras.Model(image, shared(shared(image)), name="twice"), Slim())

    class Own(keras.Model):  # type: ignore
        pass

    with pytest.raises(BuildError, match="subclassed"):
        apply(Own(name="own"), Slim())


@pytest.mark.parametrize("nested", [True, False])
def test_sequential_and_nested_models(nested: bool) -> None:
    keras = load_keras()
    layers = keras.layers

    def body() -> list[Any]:
        return [
            layers.Conv2D(6, 3, name="conv1"),
            layers.BatchNormalization(name="bn1"),
            layers.ReLU(name="relu1"),
            layers.Conv2D(6, 3, name="conv2"),
            layers.BatchNormalization(name="bn2"),
        ]

    first = layers.InputLayer((8, 8, 2), name="image")
    inner = layers.InputLayer((8, 8, 2), name="inner_image")
    middle = [keras.Sequential([inner, *body()], name="inner")] if nested else body()
    tail = [layers.GlobalAveragePooling2D(name="average"), layers.Dense(3, name="logits")]
    model = randomized(keras.Sequential([first, *middle, *tail], name="outer"), 2)
    step = Slim(ratio=0.5, min_channels=1)
    planned, slimmed = plan(model, step), apply(model, step)

    assert planned.after["conv1"] + planned.after["conv2"] == 6
    assert slimmed.count_params() < model.count_params()
    if not nested:
        assert largest_difference(masked(model, planned.masked), slimmed) < 1e-5
    else:
        inner_model = masked(model.get_layer("inner"), planned.masked)
        twin = keras.Sequential([layers.InputLayer((8, 8, 2), name="image"), inner_model, *tail])
        assert largest_difference(twin, slimmed) < 1e-5


def test_a_slimmed_model_is_saved_loaded_and_converted(tmp_path: Path) -> None:
    model = build(("preactivation",), channels=6, stem="conv", head="average")
    slimmed = apply(model, Slim(ratio=0.5, min_channels=1))
    save_model(slimmed, tmp_path / "model.h5")
    loaded = load_model(tmp_path / "model.h5")
    assert largest_difference(slimmed, loaded) == 0

    for mode in ("float32", "int8"):
        content = convert(loaded, Conversion(mode=mode), samples(loaded, 10))  # type: ignore[arg-type]
        path = tmp_path / f"{mode}.tflite"
        path.write_bytes(content)
        found = read_flatbuffer(path)
        names = {operator_name(found, operator) for graph in found.subgraphs for operator in graph.operators}
        assert "GATHER" in names
        assert not any(name.startswith("Flex") for name in names)


def test_the_mnist_network_is_slimmed_through_its_shortcut() -> None:
    model = randomized(mnist_bn.build(width=0.5), 3)
    planned = plan(model, Slim(ratio=0.5, min_channels=1))

    assert planned.held == ()
    assert planned.after["bn2"] == planned.after["bn3"]
    assert planned.masked["bn2"] == planned.masked["bn3"]
    assert model.count_params() == 5138


@pytest.mark.parametrize("bad", [{"ratio": 0}, {"ratio": 1}, {"min_channels": 0}])
def test_bad_parameters_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Slim(**bad)
