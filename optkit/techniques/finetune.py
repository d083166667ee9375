"""Fine-tuning: plain training of the model as it is, such as after a structural step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from optkit.spec import Step, check_training
from optkit.techniques.base import TrainingContext, clone, fit
from optkit.techniques.layers import Preserve, kernel_layers, preserving


@dataclass(frozen=True, kw_only=True)
class Finetune(Step):
    """Train all weights for `epochs` more. After pruning or clustering, `preserve` keeps what those made."""

    technique: ClassVar[str] = "finetune"

    epochs: int = 2
    batch_size: int = 128
    learning_rate: float = 1e-3
    optimizer: Literal["adam", "sgd"] = "adam"
    validation_split: float = 0.1
    preserve: Preserve = "nothing"

    def __post_init__(self) -> None:
        check_training(self)


def apply(model: Any, step: Finetune, context: TrainingContext) -> Any:
    """Return a copy of `model`, trained on as `step` says."""
    trained = clone(model)
    callbacks = preserving(kernel_layers(trained), step.preserve)
    fit(trained, step, context, optimizer=step.optimizer, callbacks=callbacks)
    return trained
