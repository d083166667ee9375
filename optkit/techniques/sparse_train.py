"""Sparse training: an L1 penalty on the scales of batch normalization tells which channels matter least.

Liu et al., "Learning efficient convolutional networks through network slimming", 2017 (arXiv:1708.06519).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from optkit.errors import BuildError
from optkit.keras.finding import Finding
from optkit.keras.tensorflow import load_keras, load_tensorflow
from optkit.spec import LongTraining, Step, require
from optkit.techniques.base import clone
from optkit.training.context import TrainingContext
from optkit.training.fit import fit


@dataclass(frozen=True, kw_only=True)
class SparseTrain(LongTraining, Step):
    """Train on with `penalty` times the sum of all |scales| (gamma) added to the loss; `slim` then removes channels."""

    technique: ClassVar[str] = "sparse_train"

    penalty: float = 1e-3
    epochs: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.penalty > 0, f"penalty is {self.penalty}; expected more than 0")


def apply(model: Any, step: SparseTrain, context: TrainingContext) -> Any:
    """Return a copy of `model`, trained with the penalty. Raises BuildError when no layer has a scale to penalize."""
    tf = load_tensorflow()
    check(model, step)
    trained = clone(model)
    scales = list(_scales(trained))
    trained.add_loss(lambda: step.penalty * tf.add_n([tf.reduce_sum(tf.abs(scale)) for scale in scales]))
    fit(trained, step, context)
    # the penalty belongs to this step alone
    result = clone(model)
    result.set_weights(trained.get_weights())
    return result


def check(model: Any, step: SparseTrain) -> tuple[Finding, ...]:
    """Return nothing. Raises BuildError when `model` has no layer with a scale to penalize."""
    if not list(_scales(model)):
        raise BuildError(
            f"sparse_train: model {model.name!r} has no BatchNormalization with a scale; use a network that has"
        )
    return ()


def _scales(model: Any) -> Iterator[Any]:
    keras = load_keras()
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _scales(layer)
        elif isinstance(layer, keras.layers.BatchNormalization) and layer.scale:
            yield layer.gamma
