"""How a model is trained, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from optkit.spec.gate import require


@dataclass(frozen=True, kw_only=True)
class TrainingRecipe:
    """How a model is trained: what the workload's training and every step that trains have in common.

    - `momentum` is of `sgd`; `weight_decay` is decoupled (arXiv:1711.05101), and scales and biases are spared.
    - `learning_rate_schedule`: `cosine` falls to 0 over the epochs (arXiv:1608.03983, without restarts), `step` is a
      tenth from half of the epochs on and a hundredth from three quarters on.
    - `augmentation`, of training images only: `pad_crop` shifts each by up to an eighth of its size, zeros coming in;
      `flip` mirrors half of them left to right. A teacher sees what the model sees.
    """

    epochs: int
    batch_size: int = 128
    learning_rate: float = 1e-3
    learning_rate_schedule: Literal["constant", "cosine", "step"] = "constant"
    optimizer: Literal["adam", "sgd"] = "adam"
    momentum: float = 0.0
    weight_decay: float = 0.0
    augmentation: tuple[Literal["pad_crop", "flip"], ...] = ()
    validation_split: float = 0.1

    least_epochs: ClassVar[int] = 1

    def __post_init__(self) -> None:
        least = self.least_epochs
        require(self.epochs >= least, f"epochs is {self.epochs}; expected {least} or more")
        require(self.batch_size >= 1, f"batch_size is {self.batch_size}; expected 1 or more")
        require(self.learning_rate > 0, f"learning_rate is {self.learning_rate}; expected more than 0")
        require(0 <= self.momentum < 1, f"momentum is {self.momentum}; expected a fraction from 0 up to, not with, 1")
        require(self.momentum == 0 or self.optimizer == "sgd", "momentum is of optimizer 'sgd'; drop it")
        require(self.weight_decay >= 0, f"weight_decay is {self.weight_decay}; expected 0 or more")
        require(
            0 <= self.validation_split < 1,
            f"validation_split is {self.validation_split}; expected a fraction from 0 up to, not with, 1",
        )

    def recipe(self) -> TrainingRecipe:
        """Return itself: a step that is one trains by it."""
        return self


@dataclass(frozen=True, kw_only=True)
class LongTraining(TrainingRecipe):
    """Training that may take hours. Every `checkpoint_epochs` epochs (0: never) its state is kept until it is done.

    A build that was interrupted goes on from there, with the same result as one that was not: each part begins
    with random numbers of its own.
    """

    checkpoint_epochs: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.checkpoint_epochs >= 0, f"checkpoint_epochs is {self.checkpoint_epochs}; expected 0 or more")


@dataclass(frozen=True, kw_only=True)
class Training(LongTraining):
    """The recipe that trains a network from scratch. 0 epochs leave it as it was initialized, for a step to train.

    `weights`: a .npz, .keras or .h5 file that the network's weights are taken from, relative to the suite file; with
    0 epochs it stands in place of training. Names and shapes must be the network's.
    """

    version: ClassVar[int] = 1
    least_epochs: ClassVar[int] = 0

    batch_size: int = 32
    weights: str = ""
