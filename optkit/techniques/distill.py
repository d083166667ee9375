"""Distillation: train a model on the outputs of a stronger one, from scratch or to fine-tune.

Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015 (arXiv:1503.02531).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from optkit.keras.layers import Preserve, kernel_layers, preserving
from optkit.spec import LongTraining, Step
from optkit.spec.keys import ADDED_LATER
from optkit.techniques.base import clone
from optkit.training.context import TrainingContext
from optkit.training.fit import fit
from optkit.training.teaching import SoftScale, Teaching


@dataclass(frozen=True, kw_only=True)
class Distill(LongTraining, Step):
    """Train with alpha x hard loss + (1 - alpha) x scale x soft loss; `teacher` is the name of a variant.

    The scale is temperature^2 unless `soft_scale` is "none" (see `Teaching`).

    From scratch: give the variant `training = { epochs = 0 }`. After pruning or clustering, `preserve` keeps what
    those made: zeros stay zeros, weights that are equal stay equal.
    """

    technique: ClassVar[str] = "distill"

    teacher: str
    alpha: float = 0.1
    temperature: float = 10.0
    soft_scale: SoftScale = field(default="temperature_squared", metadata=ADDED_LATER)
    preserve: Preserve = "nothing"
    epochs: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.teaching  # whose own check it is

    @property
    def teaching(self) -> Teaching:
        """The loss that these parameters mean."""
        return Teaching(
            teacher=self.teacher, alpha=self.alpha, temperature=self.temperature, soft_scale=self.soft_scale
        )

    def needs(self) -> tuple[str, ...]:
        """Return the teacher's variant."""
        return (self.teacher,)


def apply(model: Any, step: Distill, context: TrainingContext) -> Any:
    """Return a copy of `model` trained on the labels and on the teacher's outputs in `context`."""
    student = clone(model)
    callbacks = preserving(kernel_layers(student), step.preserve)
    fit(student, step, context, callbacks=callbacks, teaching=step.teaching)
    return student
