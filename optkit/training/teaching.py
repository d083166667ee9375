"""The distillation loss: what a model learns from another model's outputs besides the labels.

Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015 (arXiv:1503.02531).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from optkit.errors import BuildError
from optkit.keras.tensorflow import load_keras, load_tensorflow
from optkit.spec import require
from optkit.spec.keys import ADDED_LATER
from optkit.spec.metrics import Task

SoftScale = Literal["temperature_squared", "none"]

_EPSILON = 1e-7  # keeps the logit of a probability finite; the value Keras clips probabilities with


@dataclass(frozen=True, kw_only=True)
class Teaching:
    """Minimize alpha x hard + (1 - alpha) x scale x soft instead of the loss on the labels alone.

    `teacher` is the name of a variant. The hard loss is the cross-entropy with the labels, the soft one the KL
    divergence of the teacher's and the model's class probabilities, both softened by `temperature`; for a binary
    task these are the sigmoids of the logits divided by the temperature. The scale is temperature^2, as in the paper:
    it keeps the gradients of the soft loss as large as those of the hard one. With `soft_scale = "none"` it is 1, as in
    the first form of the public Keras example; at a high temperature the labels then matter most.
    """

    teacher: str
    alpha: float = 0.1
    temperature: float = 10.0
    soft_scale: SoftScale = field(default="temperature_squared", metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        require(bool(self.teacher), "teacher is empty; expected the name of a variant")
        require(0 <= self.alpha <= 1, f"alpha is {self.alpha}; expected a fraction from 0 to 1")
        require(self.temperature > 0, f"temperature is {self.temperature}; expected more than 0")


def why_not_taught(task: str) -> str:
    """Say in one line why no teacher can teach a `task`; "" if one can."""
    known = ("multiclass", "binary")
    return "" if task in known else f"a teacher is for multiclass and binary tasks, not {task}; drop it"


def targets(
    teaching: Teaching, y: npt.NDArray[np.int64], outputs: Mapping[str, npt.NDArray[np.float32]], width: int
) -> npt.NDArray[np.float32]:
    """Return labels and the teacher's outputs side by side, float32 (samples, 1 + `width`), for `distillation_loss`.

    Raises BuildError when the teacher's outputs are missing, or do not fit the labels and the model's `width`.
    """
    found = outputs.get(teaching.teacher)
    if found is None:
        raise BuildError(f"the outputs of teacher {teaching.teacher!r} are not there; a step must name it in needs()")
    if found.shape != (len(y), width):
        raise BuildError(
            f"teacher {teaching.teacher!r} has outputs of shape {found.shape}; expected {(len(y), width)}: "
            "teacher and student must have the same classes"
        )
    return np.concatenate([y[:, None].astype(np.float32), found.astype(np.float32)], axis=1)


def distillation_loss(teaching: Teaching, task: Task, *, probabilities: bool = False) -> Callable[[Any, Any], Any]:
    """Return the loss of (targets, the model's outputs) for Keras: float32 (batch,).

    The model's and the teacher's outputs are logits for a multiclass task, unless both are `probabilities` (a softmax),
    and probabilities for a binary one.
    """
    keras = load_keras()
    soft_loss = {"multiclass": _softmax_divergence, "binary": _sigmoid_divergence}[task]

    def loss(target: Any, output: Any) -> Any:
        label, teacher = target[:, :1], target[:, 1:]
        if task == "multiclass" and probabilities:  # their logarithms are logits: a softmax gives them again
            teacher, output = _logarithm(teacher), _logarithm(output)
        if task == "multiclass":
            hard = keras.losses.sparse_categorical_crossentropy(label[:, 0], output, from_logits=True)
        else:
            hard = keras.losses.binary_crossentropy(label, output)
        soft = soft_loss(teacher, output, teaching.temperature)
        scale = teaching.temperature**2 if teaching.soft_scale == "temperature_squared" else 1.0
        return teaching.alpha * hard + (1 - teaching.alpha) * scale * soft

    return loss


def label_accuracy(task: Task) -> Callable[[Any, Any], Any]:
    """Return the accuracy with respect to the labels in `targets`, for Keras; its logs call it `accuracy`."""
    metrics = load_keras().metrics

    def accuracy(target: Any, output: Any) -> Any:
        if task == "multiclass":
            return metrics.sparse_categorical_accuracy(target[:, 0], output)
        return metrics.binary_accuracy(target[:, :1], output)

    return accuracy


def _softmax_divergence(teacher: Any, student: Any, temperature: float) -> Any:
    nn, reduce_sum = load_tensorflow().nn, load_tensorflow().reduce_sum
    log_p, log_q = nn.log_softmax(teacher / temperature), nn.log_softmax(student / temperature)
    return reduce_sum(load_tensorflow().exp(log_p) * (log_p - log_q), axis=-1)


def _sigmoid_divergence(teacher: Any, student: Any, temperature: float) -> Any:
    tf = load_tensorflow()
    p, q = (_logit(probability) / temperature for probability in (teacher, student))
    on = tf.sigmoid(p) * (tf.math.log_sigmoid(p) - tf.math.log_sigmoid(q))
    off = tf.sigmoid(-p) * (tf.math.log_sigmoid(-p) - tf.math.log_sigmoid(-q))
    return tf.reduce_sum(on + off, axis=-1)


def _logarithm(probability: Any) -> Any:
    tf = load_tensorflow()
    return tf.math.log(tf.clip_by_value(probability, _EPSILON, 1.0))


def _logit(probability: Any) -> Any:
    tf = load_tensorflow()
    clipped = tf.clip_by_value(probability, _EPSILON, 1 - _EPSILON)
    return tf.math.log(clipped) - tf.math.log1p(-clipped)
