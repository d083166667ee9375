"""Slimming by the rule of network slimming's public code, against a second count from the scales alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from optkit.errors import BuildError
from optkit.models import mnist_bn, resnet_preact
from optkit.techniques.slim import Slim, apply, plan
from tests.techniques.networks import largest_difference, masked, randomized

Scales = dict[str, npt.NDArray[np.float32]]


def blocks(depth: int) -> list[tuple[str, int, int, bool]]:
    """Name, width of the input, channels inside and whether it is the first of its stage, of each bottleneck."""
    found, width = [], 16
    for stage, inside in enumerate((16, 32, 64), start=1):
        for block in range(1, (depth - 2) // 9 + 1):
            found.append((f"stage{stage}_block{block}", width, inside, block == 1))
            width = 4 * inside
    return found


def counted_by_hand(scales: Scales, ratio: float, depth: int) -> int:
    """Parameters that are left in the authors' form, where the first normalization of a block, and the last of all,
    keep their whole width beside a mask of that width; every other follows from how many scales are above one."""
    every = np.sort(np.abs(np.concatenate(list(scales.values()))))
    threshold = every[int(len(every) * ratio)]
    left = {name: int((np.abs(values) > threshold).sum()) for name, values in scales.items()}
    total = 3 * 9 * 16
    for name, width, inside, first in blocks(depth):
        a, b, c = (left[f"{name}_{i}_bn"] for i in (1, 2, 3))
        total += 3 * width + a * b + 2 * b + 9 * b * c + 2 * c + 4 * inside * c
        total += width * 4 * inside if first else 0
    return total + 3 * 256 + 10 * left["head_bn"] + 10


def counted(slimmed: Any, whole: Any) -> int:
    """Trainable parameters of `slimmed`, with what the authors' form has more: it keeps the scales and shifts that a
    selection leaves out, and has a mask value for each channel there."""
    total = sum(int(np.prod(weight.shape)) for weight in slimmed.trainable_weights)
    for layer in whole.layers:
        if layer.name.endswith("_1_bn") or layer.name == "head_bn":
            width, left = layer.output_shape[-1], slimmed.get_layer(layer.name).output_shape[-1]
            total += 3 * width - 2 * left
    return total


def with_scales(model: Any, seed: int) -> Scales:
    """Give `model` random scales as sparse training leaves them, most of them small, and return them by layer."""
    rng = np.random.default_rng(seed)
    scales = {}
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            width = layer.output_shape[-1]
            scales[layer.name] = (rng.normal(size=width) ** 3).astype(np.float32)
            layer.set_weights([scales[layer.name], *layer.get_weights()[1:]])
    return scales


def authors(ratio: float) -> Slim:
    return Slim(ratio=ratio, min_channels=1, at_threshold="remove", unused="keep")


def test_the_count_by_hand_is_the_documented_one_of_the_whole_network() -> None:
    scales = {
        name: np.ones(width)
        for b, w, i, _ in blocks(38)
        for name, width in zip((f"{b}_1_bn", f"{b}_2_bn", f"{b}_3_bn"), (w, i, i), strict=True)
    }
    scales["head_bn"] = np.ones(256)
    lowest = {**scales, "head_bn": np.r_[0.0, np.ones(255)]}
    assert counted_by_hand(lowest, 0.0, 38) == 406_762 - 10  # the smallest of all scales goes at any ratio


@pytest.fixture(scope="module")
def network() -> tuple[Any, Scales]:
    model = resnet_preact.build(38, padding="symmetric")
    return model, with_scales(model, 1)


@pytest.mark.parametrize("ratio", [0.5, 0.7])
def test_the_authors_rule_leaves_the_authors_number_of_parameters(network: tuple[Any, Scales], ratio: float) -> None:
    model, scales = network
    slimmed = apply(model, authors(ratio))
    assert counted(slimmed, model) == counted_by_hand(scales, ratio, 38)
    today = plan(model, Slim(ratio=ratio, min_channels=1, unused="keep"))
    theirs = plan(model, authors(ratio))
    assert sum(map(len, theirs.masked.values())) == sum(map(len, today.masked.values())) + 1


def test_only_what_nothing_reads_differs_between_the_forms() -> None:
    model = randomized(resnet_preact.build(20, width=0.25), 1)
    expected = masked(model, plan(model, authors(0.7)).masked)
    left, removed = apply(model, authors(0.7)), apply(model, Slim(ratio=0.7, min_channels=1, at_threshold="remove"))
    assert left.count_params() > removed.count_params()
    assert largest_difference(expected, left) < 1e-4
    assert largest_difference(expected, removed) < 1e-4


def test_all_that_tie_at_the_threshold_go_together() -> None:
    model = mnist_bn.build(width=0.25)
    names = ("bn1", "bn2", "bn3")
    for name, values in zip(names, ([1, 2, 2, 3], [2] * 4 + [3] * 4, [2] * 4 + [3] * 4), strict=True):
        layer = model.get_layer(name)
        layer.set_weights([np.array(values, np.float32), *layer.get_weights()[1:]])
    kept, removed = (plan(model, Slim(ratio=0.25, min_channels=1, at_threshold=at)) for at in ("keep", "remove"))
    assert sum(map(len, kept.masked.values())) < sum(map(len, removed.masked.values()))
    assert removed.masked["bn1"] == (0, 1, 2)
    assert (kept.threshold, removed.threshold) == (2, 3)


def test_scales_that_are_all_the_same_leave_nothing_to_keep() -> None:
    with pytest.raises(BuildError, match=r"no channel has a larger scale than the threshold, 1, .*sparse_train first"):
        plan(mnist_bn.build(width=0.25), Slim(at_threshold="remove"))
    with pytest.raises(ValueError, match="at_threshold is 'drop'"):
        Slim(at_threshold="drop")  # type: ignore[arg-type]
