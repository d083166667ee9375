"""What a technique is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from optkit.keras.tensorflow import load_keras
from optkit.spec import Step
from optkit.training.context import TrainingContext

StepT = TypeVar("StepT", bound=Step)


@dataclass(frozen=True)
class Technique(Generic[StepT]):
    """A line in `TECHNIQUES`: its parameters, and the function that returns a changed copy of a model."""

    step: type[StepT]
    apply: Callable[[Any, StepT, TrainingContext], Any]


def clone(model: Any) -> Any:
    """Return a copy of `model` with the same weights, so that a technique leaves its input untouched."""
    copy = load_keras().models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy
