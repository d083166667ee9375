"""Magnitude pruning: the smallest weights become zero while the model is fine-tuned.

Zhu and Gupta, "To prune, or not to prune", 2017 (arXiv:1710.01878); tfmot's `prune_low_magnitude`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from optkit.spec import Gate, Step, check_training, require
from optkit.techniques.base import TrainingContext, clone, fit, steps_per_epoch
from optkit.tensorflow import load_tfmot


@dataclass(frozen=True, kw_only=True)
class Prune(Step):
    """Raise sparsity from `initial_sparsity` to `final_sparsity` over the fine-tuning, by polynomial decay."""

    technique: ClassVar[str] = "prune"

    final_sparsity: float = 0.8
    initial_sparsity: float = 0.5
    epochs: int = 2
    batch_size: int = 128
    learning_rate: float = 1e-3
    validation_split: float = 0.1

    def __post_init__(self) -> None:
        check_training(self)
        for name in ("initial_sparsity", "final_sparsity"):
            value = getattr(self, name)
            require(0 <= value < 1, f"{name} is {value}; expected a fraction from 0 up to, not with, 1")
        require(
            self.initial_sparsity <= self.final_sparsity,
            f"initial_sparsity {self.initial_sparsity} is above final_sparsity {self.final_sparsity}",
        )

    def promises(self) -> tuple[Gate, ...]:
        """Every pruned layer keeps its share of zeros; 0.01 allows for rounding in a layer of 100 weights."""
        return (
            Gate(metric="sparsity", min=round(self.final_sparsity - 0.01, 6), origin="prune"),
            Gate(metric="leftover_wrappers", max=0, origin="prune"),
        )


def apply(model: Any, step: Prune, context: TrainingContext) -> Any:
    """Return a pruned, fine-tuned copy of `model` with the pruning wrappers stripped."""
    sparsity = load_tfmot().sparsity.keras
    steps = step.epochs * steps_per_epoch(len(context.x), step)
    schedule = sparsity.PolynomialDecay(
        initial_sparsity=step.initial_sparsity,
        final_sparsity=step.final_sparsity,
        begin_step=0,
        end_step=steps,
        # tfmot renews the masks every 100 steps unless told: a fine-tuning of fewer steps would prune nothing.
        frequency=min(100, max(1, steps // 20)),
    )
    wrapped = sparsity.prune_low_magnitude(clone(model), pruning_schedule=schedule)
    fit(wrapped, step, context, callbacks=[sparsity.UpdatePruningStep()])
    return sparsity.strip_pruning(wrapped)
