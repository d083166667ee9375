"""`resnet_preact` with symmetric padding computes what PyTorch's layers do, by a second forward pass in numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from optkit.convert import convert
from optkit.keras.weights import load_weights
from optkit.models import resnet_preact
from optkit.runtime import TFLiteRunner
from optkit.spec import Conversion
from optkit.tflite.flatbuffer import operator_name, parse_flatbuffer

Array = npt.NDArray[np.float32]
DEPTH = 11
_WHERE = {"bn1": "1_bn", "conv1": "conv1", "bn2": "2_bn", "conv2": "conv2", "bn3": "3_bn", "conv3": "conv3"}
_PARTS = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def torch_weights(seed: int) -> dict[str, Array]:
    """Random weights, named and laid out as PyTorch's state_dict of the network has them."""
    rng = np.random.default_rng(seed)
    found: dict[str, Array] = {}

    def conv(name: str, out: int, read: int, size: int) -> None:
        found[f"{name}.weight"] = (rng.normal(size=(out, read, size, size)) / np.sqrt(read * size * size)).astype("f4")

    def bn(name: str, width: int) -> None:
        found[f"{name}.weight"], found[f"{name}.running_var"] = rng.uniform(0.5, 1.5, (2, width)).astype("f4")
        found[f"{name}.bias"], found[f"{name}.running_mean"] = (rng.normal(size=(2, width)) / 2).astype("f4")

    conv("conv1", 16, 3, 3)
    width = 16
    for stage, inside in enumerate((16, 32, 64), start=1):
        block = f"layer{stage}.0"
        for i, (out, read, size) in enumerate(((inside, width, 1), (inside, inside, 3), (4 * inside, inside, 1)), 1):
            bn(f"{block}.bn{i}", read)
            conv(f"{block}.conv{i}", out, read, size)
        conv(f"{block}.downsample.0", 4 * inside, width, 1)
        width = 4 * inside
    bn("bn", width)
    found["fc.weight"], found["fc.bias"] = (
        (rng.normal(size=(10, width)) / 16).astype("f4"),
        rng.normal(size=10).astype("f4"),
    )
    return found


def renamed(weights: dict[str, Array]) -> dict[str, Array]:
    """Return PyTorch's weights under optkit's names and in Keras' layout, as docs/suites.md says."""
    found = {}
    for name, value in weights.items():
        *place, part = name.split(".")
        if place[0].startswith("layer"):
            where = "shortcut" if place[2] == "downsample" else _WHERE[place[2]]
            layer = f"stage{place[0][5:]}_block{int(place[1]) + 1}_{where}"
        else:
            layer = {"conv1": "stem", "bn": "head_bn", "fc": "logits"}[place[0]]
        if layer.endswith("_bn"):
            found[f"{layer}/{_PARTS[part]}"] = value
        elif part == "bias":
            found[f"{layer}/bias"] = value
        else:
            found[f"{layer}/kernel"] = value.T if value.ndim == 2 else value.transpose(2, 3, 1, 0)
    return found


def forward(w: dict[str, Array], x: Array, pad: Any = lambda stride: (1, 1)) -> Array:
    """The network in numpy, float32 (batch, 3, 32, 32) to logits (batch, 10). `pad`: of 3x3 convolutions, by stride."""

    def conv(name: str, x: Array, stride: int = 1) -> Array:
        kernel = w[f"{name}.weight"]
        if (size := kernel.shape[2]) == 3:
            x = np.pad(x, ((0, 0), (0, 0), pad(stride), pad(stride)))
        windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(2, 3))[:, :, ::stride, ::stride]
        return np.einsum("bchwij,ocij->bohw", windows, kernel, optimize=True)

    def bn_relu(name: str, x: Array) -> Array:
        scale = w[f"{name}.weight"] / np.sqrt(w[f"{name}.running_var"] + 1e-5)
        shift = w[f"{name}.bias"] - w[f"{name}.running_mean"] * scale
        return np.maximum(x * scale[:, None, None] + shift[:, None, None], 0)

    x = conv("conv1", x)
    for stage in (1, 2, 3):
        block, stride = f"layer{stage}.0", 1 if stage == 1 else 2
        y = conv(f"{block}.conv1", bn_relu(f"{block}.bn1", x))
        y = conv(f"{block}.conv2", bn_relu(f"{block}.bn2", y), stride)
        y = conv(f"{block}.conv3", bn_relu(f"{block}.bn3", y))
        x = y + conv(f"{block}.downsample.0", x, stride)
    return bn_relu("bn", x).mean(axis=(2, 3)) @ w["fc.weight"].T + w["fc.bias"]


@pytest.fixture(scope="module")
def weights() -> dict[str, Array]:
    return torch_weights(1)


@pytest.fixture(scope="module")
def x() -> Array:
    """Images, (32, 32, 32, 3), brighter towards their edges: there paddings differ."""
    ramp = np.abs(np.linspace(-1, 1, 32))
    edges = np.maximum.outer(ramp, ramp)[:, :, None]
    return (edges + np.random.default_rng(2).normal(size=(32, 32, 32, 3)) / 2).astype("f4")


@pytest.fixture(scope="module")
def model(weights: dict[str, Array], tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("weights") / "torch.npz"
    arrays: dict[str, Any] = {**renamed(weights)}
    np.savez(path, **arrays)
    model = resnet_preact.build(DEPTH, padding="symmetric")
    load_weights(model, path)
    return model


def test_symmetric_padding_gives_pytorchs_outputs(model: Any, weights: dict[str, Array], x: Array) -> None:
    channels_first = x.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(model(x[:4]).numpy(), forward(weights, channels_first[:4]), atol=1e-4)

    same = resnet_preact.build(DEPTH)
    same.set_weights(model.get_weights())
    tensorflows = forward(weights, channels_first[:4], lambda stride: (1, 1) if stride == 1 else (0, 1))
    np.testing.assert_allclose(same(x[:4]).numpy(), tensorflows, atol=1e-4)
    assert np.abs(same(x[:4]).numpy() - model(x[:4]).numpy()).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "tolerance"), [("float32", 1e-4), ("int8", 0.35)])
def test_it_converts_to_padding_and_an_unpadded_convolution(
    model: Any, weights: dict[str, Array], x: Array, tmp_path: Path, mode: Any, tolerance: float
) -> None:
    data = convert(model, Conversion(mode=mode, calibration_samples=16), x)
    flat = parse_flatbuffer(data)
    [graph] = flat.subgraphs
    strided = [
        operator
        for operator in graph.operators
        if operator_name(flat, operator) == "CONV_2D"
        and operator.builtinOptions.strideH == 2
        and graph.tensors[int(operator.inputs[1])].shape[1] == 3
    ]
    names = [operator_name(flat, operator) for operator in graph.operators]
    assert (len(strided), sum(name in ("PAD", "PADV2") for name in names)) == (2, 2)
    assert all(operator.builtinOptions.padding == 1 for operator in strided)  # VALID

    (tmp_path / "model.tflite").write_bytes(data)
    runner = TFLiteRunner(tmp_path / "model.tflite", batch=len(x))
    found = runner.scores(runner.invoke(runner.prepare(x)))
    expected = forward(weights, x.transpose(0, 3, 1, 2))
    assert np.abs(found - expected).max() < tolerance
    if mode == "int8":  # nearer to its own padding than to TensorFlow's
        other = forward(weights, x.transpose(0, 3, 1, 2), lambda stride: (1, 1) if stride == 1 else (0, 1))
        assert np.abs(found - expected).mean() < np.abs(found - other).mean() / 3


def test_a_padding_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="padding is 'valid'; expected one of same, symmetric"):
        resnet_preact.build(DEPTH, padding="valid")
