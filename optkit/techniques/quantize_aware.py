"""Quantization-aware training: fine-tune with fake quantization, so that int8 conversion costs little accuracy.

Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
2018 (arXiv:1712.05877); tfmot's `quantize_apply` and its preserving schemes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from optkit.spec import Step, check_training
from optkit.techniques.base import TrainingContext, clone, fit
from optkit.tensorflow import load_tfmot


@dataclass(frozen=True, kw_only=True)
class QuantizeAware(Step):
    """Fine-tune with 8-bit fake quantization; `preserve` keeps what earlier steps made (zeros)."""

    technique: ClassVar[str] = "quantize_aware"

    preserve: Literal["nothing", "sparsity"] = "nothing"
    epochs: int = 2
    batch_size: int = 128
    learning_rate: float = 1e-3
    validation_split: float = 0.1

    def __post_init__(self) -> None:
        check_training(self)


def apply(model: Any, step: QuantizeAware, context: TrainingContext) -> Any:
    """Return a fine-tuned copy of `model` that carries fake quantization (integers come with the conversion)."""
    tfmot = load_tfmot()
    annotated = tfmot.quantization.keras.quantize_annotate_model(clone(model))
    if step.preserve == "sparsity":
        scheme = tfmot.experimental.combine.Default8BitPrunePreserveQuantizeScheme()
        quantized = tfmot.quantization.keras.quantize_apply(annotated, scheme)
    else:
        quantized = tfmot.quantization.keras.quantize_apply(annotated)
    fit(quantized, step, context)
    return quantized
