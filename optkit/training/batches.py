"""Augmented training batches, every one a function of the seed, the epoch and its place in it.

He et al., "Deep residual learning for image recognition", 2015 (arXiv:1512.03385), section 4.2: crops of padded
images and horizontal mirrors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import BuildError
from optkit.keras.tensorflow import load_keras
from optkit.spec import TrainingRecipe

Floats = npt.NDArray[np.float32]
Labels = Callable[[Floats, npt.NDArray[np.int64]], Any]
"""What to train towards, given the augmented samples and their labels."""


def augmented_batches(
    x: Floats, y: npt.NDArray[np.int64], recipe: TrainingRecipe, seed: tuple[int, int], labels: Labels | None = None
) -> Any:
    """Return a Keras Sequence of shuffled, augmented batches of images `x` (samples, height, width, channels).

    `seed` is the seed proper and the epoch that training begins with. `labels` makes the targets of a batch; without
    it they are those of `y`. Raises BuildError when `x` are not images.
    """
    if x.ndim != 4:
        raise BuildError(f"augmentation is of images (height, width, channels); samples have shape {x.shape[1:]}")

    class Batches(load_keras().utils.Sequence):  # type: ignore
        epoch = 0

        def __len__(self) -> int:
            return -(-len(x) // recipe.batch_size)

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            order = np.random.default_rng([*seed, self.epoch]).permutation(len(x))
            taken = order[index * recipe.batch_size : (index + 1) * recipe.batch_size]
            rng = np.random.default_rng([*seed, self.epoch, 1 + index])  # a trailing 0 would change nothing
            samples = augment(x[taken], recipe.augmentation, rng)
            return samples, labels(samples, y[taken]) if labels else y[taken]

        def on_epoch_end(self) -> None:
            self.epoch += 1

    return Batches()


def augment(x: Floats, names: tuple[str, ...], rng: np.random.Generator) -> Floats:
    """Return a copy of images `x` (samples, height, width, channels), augmented in the ways named."""
    for name in names:
        x = {"pad_crop": _pad_crop, "flip": _flip}[name](x, rng)
    return x


def _pad_crop(x: Floats, rng: np.random.Generator) -> Floats:
    count, height, width, _ = x.shape
    up, side = height // 8, width // 8
    padded = np.pad(x, ((0, 0), (up, up), (side, side), (0, 0)))
    rows = rng.integers(0, 2 * up + 1, count)[:, None] + np.arange(height)
    columns = rng.integers(0, 2 * side + 1, count)[:, None] + np.arange(width)
    found: Floats = padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return found


def _flip(x: Floats, rng: np.random.Generator) -> Floats:
    mirrored = rng.random(len(x)) < 0.5
    return np.asarray(np.where(mirrored[:, None, None, None], x[:, :, ::-1], x), np.float32)
