"""A toy technique: all weights times a number."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from optkit.keras.finding import Finding
from optkit.spec import Step
from optkit.techniques.base import clone
from optkit.training.context import TrainingContext


@dataclass(frozen=True, kw_only=True)
class Toy(Step):
    technique: ClassVar[str] = "toy"

    factor: float = 2.0


def apply(model: Any, step: Toy, context: TrainingContext) -> Any:
    changed = clone(model)
    changed.set_weights([step.factor * weight for weight in changed.get_weights()])
    return changed


def check(model: Any, step: Toy) -> Iterator[Finding]:
    yield Finding(level="warning", subject="toy", layer=model.layers[-1].name, message=f"times {step.factor}")
