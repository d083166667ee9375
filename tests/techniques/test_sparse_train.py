"""Sparse training shrinks scales; fine-tuning does not; neither touches its input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optkit.errors import BuildError
from optkit.keras.files import load_model, save_model
from optkit.keras.tensorflow import make_deterministic
from optkit.models import mnist_bn, mnist_conv
from optkit.techniques import finetune, sparse_train
from optkit.training.context import TrainingContext


@pytest.fixture(scope="module")
def context() -> TrainingContext:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 10, 256)
    x = rng.normal(0, 0.1, (256, 28, 28))
    x[np.arange(256), 2 * y] += 1
    return TrainingContext(x.astype(np.float32), y, "multiclass")


def scales(model: Any) -> float:
    return float(sum(np.abs(layer.gamma.numpy()).sum() for layer in model.layers if hasattr(layer, "gamma")))


def test_the_penalty_shrinks_the_scales(context: TrainingContext, tmp_path: Path) -> None:
    make_deterministic(1)
    model = mnist_bn.build(width=0.25)
    before = [value.copy() for value in model.get_weights()]
    recipe = {"epochs": 3, "batch_size": 32, "learning_rate": 0.01, "validation_split": 0.0}
    make_deterministic(1)
    sparse = sparse_train.apply(model, sparse_train.SparseTrain(penalty=1.0, **recipe), context)  # type: ignore[arg-type]
    make_deterministic(1)
    plain = finetune.apply(model, finetune.Finetune(**recipe), context)  # type: ignore[arg-type]

    assert scales(sparse) < 0.9 * scales(plain)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert not np.array_equal(plain.get_weights()[0], before[0])
    # the penalty is not part of what is handed on
    assert sparse.losses == []
    save_model(sparse, tmp_path / "model.h5")
    assert scales(load_model(tmp_path / "model.h5")) == pytest.approx(scales(sparse))


def test_a_network_without_scales_is_refused(context: TrainingContext) -> None:
    with pytest.raises(BuildError, match="'mnist_conv' has no BatchNormalization with a scale"):
        sparse_train.apply(mnist_conv.build(filters=1), sparse_train.SparseTrain(), context)


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="penalty is 0"):
        sparse_train.SparseTrain(penalty=0)
    with pytest.raises(ValueError, match="epochs is 0"):
        finetune.Finetune(epochs=0)
