"""Fixed splits of samples into train and test."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def stratified_split(
    x: npt.NDArray[Any], y: npt.NDArray[Any], test_per_class: int, seed: int = 0
) -> dict[str, npt.NDArray[Any]]:
    """Split into train and test with `test_per_class` samples of each class in test, both shuffled with `seed`."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    test = np.zeros(len(x), bool)
    for label in np.unique(y):
        test[order[y[order] == label][:test_per_class]] = True
    train_order, test_order = order[~test[order]], order[test[order]]
    return {"x_train": x[train_order], "y_train": y[train_order], "x_test": x[test_order], "y_test": y[test_order]}


def share_split(
    samples: int, share: float, seed: int, y: npt.NDArray[Any] | None = None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the places to train and to test, ascending: `share` of all samples to test, drawn with `seed`.

    With classes `y` (samples,) it is `share` of each class, rounded, but of two samples or more at least one on either
    side; a class of one sample is for training. When no class has two, the classes do not matter.
    """
    order = np.random.default_rng(seed).permutation(samples)
    classes = np.zeros(samples, np.int64) if y is None or len(np.unique(y)) == len(y) else y
    test = np.zeros(samples, bool)
    for label in np.unique(classes):
        own = order[classes[order] == label]
        test[own[: min(max(1, round(share * len(own))), len(own) - 1)]] = True
    return np.flatnonzero(~test), np.flatnonzero(test)


def stratified_subset(y: npt.NDArray[Any], samples: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """Return the places, ascending, of `samples` samples with as equal a share of each class as there is.

    A smaller subset is part of every larger one with the same `seed`; 0, or more than there are, means all.
    """
    if samples == 0 or samples >= len(y):
        return np.arange(len(y))
    order = np.random.default_rng(seed).permutation(len(y))
    rank = np.empty(len(y), np.int64)  # how many of its own class come before a sample in `order`
    for label in np.unique(y):
        own = order[y[order] == label]
        rank[own] = np.arange(len(own))
    return np.sort(order[np.argsort(rank[order], kind="stable")][:samples])
