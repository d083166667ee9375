"""Networks have the sizes their sources give, logits as output, and the same names however often they are built."""

import functools
from typing import Any

import numpy as np
import pytest

from optkit import Conversion
from optkit.convert import convert
from optkit.models import NETWORKS
from optkit.runtime import TFLiteRunner
from optkit.spec import Network
from optkit.suites.variants import check_network


def build(name: str, **params: Any) -> Any:
    return NETWORKS[name].build(**params)


@functools.cache
def mobile(name: str) -> Any:
    """A MobileNet for images of 32 x 32 and 10 classes, built once."""
    return build(name, size=32, classes=10)


def trainable(model: Any) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


@pytest.mark.parametrize(
    ("name", "params", "count"),
    [
        ("vgg16_bn", {"width": 0.25}, 923_130),
        ("vgg16_bn", {"width": 0.5}, 3_684_842),
        ("resnet_preact", {"depth": 38}, 404_954),
        ("keras_distillation", {"filters": [16, 32]}, 20_490),
        ("keras_distillation", {"filters": [256, 512]}, 1_433_610),
    ],
)
def test_trainable_parameters(name: str, params: dict[str, Any], count: int) -> None:
    check_network(Network(name=name, params=params), "a suite file takes these parameters")
    assert trainable(build(name, **params)) == count


def test_the_masks_that_channel_selection_adds_make_the_documented_total() -> None:
    """Network slimming puts one mask value on each channel of the first normalization of a block, and of the last."""
    model = build("resnet_preact", depth=38)
    masked = [layer for layer in model.layers if layer.name.endswith("_1_bn") or layer.name == "head_bn"]
    assert trainable(model) + sum(layer.output_shape[-1] for layer in masked) == 406_762


def test_resnet_is_pre_activation_and_its_shortcuts_are_bare() -> None:
    model = build("resnet_preact", depth=20)
    for layer in model.layers:
        if type(layer).__name__ == "Conv2D" and "_conv" in layer.name:
            assert layer.input.name.split("/")[0].endswith("_relu")
        if layer.name.endswith("_shortcut"):
            assert layer.input.name.split("/")[0] in ("stem", "stage1_block2_add", "stage2_block2_add")
    assert model.get_layer("stage3_block2_add").output_shape == (None, 8, 8, 256)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("resnet_preact", {"depth": 37}),
        ("resnet_preact", {"depth": 2}),
        ("vgg16_bn", {"width": 0.0}),
        ("keras_distillation", {"filters": [16]}),
    ],
)
def test_parameters_that_cannot_be(name: str, params: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        build(name, **params)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("vgg16_bn", {"width": 0.03}),
        ("resnet_preact", {"depth": 11, "width": 0.25}),
        ("keras_distillation", {"filters": [2, 3]}),
        ("mobilenet_v2", {"size": 32, "classes": 10}),
        ("mobilenet_v1", {"size": 32, "classes": 10}),
    ],
)
def test_names_do_not_depend_on_what_was_built_before(name: str, params: dict[str, Any]) -> None:
    first = mobile(name) if name.startswith("mobilenet") else build(name, **params)
    second = build(name, **params)
    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]
    assert [weight.name for weight in first.weights] == [weight.name for weight in second.weights]
    assert first.name == second.name == name


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("vgg16_bn", {"width": 0.06}),
        ("resnet_preact", {"depth": 11, "width": 0.25}),
        ("keras_distillation", {"filters": [4, 8]}),
    ],
)
def test_the_tflite_file_computes_what_the_network_does(name: str, params: dict[str, Any], tmp_path: Any) -> None:
    model = build(name, **params)
    x = np.random.default_rng(1).normal(size=(4, *model.input_shape[1:])).astype(np.float32)
    path = tmp_path / "model.tflite"
    path.write_bytes(convert(model, Conversion(mode="float32"), x))
    runner = TFLiteRunner(path, batch=4)
    assert runner.sample_shape == model.input_shape[1:]
    scores = runner.scores(runner.invoke(runner.prepare(x)))
    np.testing.assert_allclose(scores, model.predict(x, verbose=0), rtol=1e-3, atol=1e-4)
    assert scores.min() < 0, "logits, not probabilities"


def test_a_hosted_network_has_keras_parameters_and_gives_logits() -> None:
    model = build("mobilenet_v2")
    assert model.count_params() == 3_538_984
    assert (model.input_shape, model.output_shape) == ((None, 224, 224, 3), (None, 1000))
    assert model.layers[-1].get_config()["activation"] == "linear"


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2"])
def test_random_weights_keep_activations_in_range_through_all_layers(name: str) -> None:
    model = mobile(name)
    x = np.random.default_rng(1).uniform(-1, 1, (4, 32, 32, 3)).astype(np.float32)
    logits = model.predict(x, verbose=0)
    assert 0.05 < float(np.std(logits)) < 20, "int16x8 files of faded activations do not load"
    momenta = {layer.momentum for layer in model.layers if hasattr(layer, "momentum")}
    assert momenta == {0.99} if name == "mobilenet_v1" else momenta == {0.999}
