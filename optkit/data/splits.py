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
