"""Fine-tuning: plain training of the model as it is, such as after a structural step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from optkit.keras.layers import Preserve, kernel_layers, preserving
from optkit.spec import LongTraining, Step
from optkit.techniques.base import clone
from optkit.training.context import TrainingContext
from optkit.training.fit import fit


@dataclass(frozen=True, kw_only=True)
class Finetune(LongTraining, Step):
    """Train all weights for `epochs` more. After pruning or clustering, `preserve` keeps what those made."""

    technique: ClassVar[str] = "finetune"

    epochs: int = 2
    preserve: Preserve = "nothing"


def apply(model: Any, step: Finetune, context: TrainingContext) -> Any:
    """Return a copy of `model`, trained on as `step` says."""
    trained = clone(model)
    callbacks = preserving(kernel_layers(trained), step.preserve)
    fit(trained, step, context, callbacks=callbacks)
    return trained
