"""What a technique is, and the one training loop that the techniques share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from optkit.spec import Step
from optkit.techniques.teaching import Teaching, distillation_loss, label_accuracy, targets
from optkit.tensorflow import load_keras

StepT = TypeVar("StepT", bound=Step)


class Recipe(Protocol):
    """The fields of a step, or of the workload's training, that `fit` reads."""

    @property
    def epochs(self) -> int: ...  # noqa: D102
    @property
    def batch_size(self) -> int: ...  # noqa: D102
    @property
    def learning_rate(self) -> float: ...  # noqa: D102
    @property
    def validation_split(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class TrainingContext:
    """What a technique may use besides the model: training samples, the task, and whom to tell of progress.

    `x`: float32, (samples, *sample shape); `y`: int64, (samples,). `on_epoch(epoch, epochs, logs)` is called
    after each epoch. `outputs[name]` gives the outputs, float32 (samples, outputs), that another variant's model
    (one of the step's `needs`) has for `x`; they are computed once and kept in the store. `note(text)` keeps a line
    that the user should see of the result. `log_dir`: where pruning logs for TensorBoard, if anywhere. `callbacks`
    are Keras callbacks of the caller's own.
    """

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.int64]
    task: Literal["multiclass", "binary"]
    on_epoch: Callable[[int, int, dict[str, float]], None] = lambda epoch, epochs, logs: None
    outputs: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    note: Callable[[str], None] = lambda text: None
    log_dir: Path | None = None
    callbacks: Sequence[Any] = ()


@dataclass(frozen=True)
class Technique(Generic[StepT]):
    """A line in `TECHNIQUES`: its parameters, and the function that returns a changed copy of a model."""

    step: type[StepT]
    apply: Callable[[Any, StepT, TrainingContext], Any]


def fit(
    model: Any,
    recipe: Recipe,
    context: TrainingContext,
    *,
    optimizer: str = "adam",
    callbacks: Sequence[Any] = (),
    teaching: Teaching | None = None,
) -> None:
    """Compile `model` for the context's task and train it in place as `recipe` says; 0 epochs leave it as it is.

    With `teaching` it minimizes the distillation loss on the outputs that `context` has of the teacher. Raises
    BuildError when they are missing or do not fit.
    """
    if recipe.epochs == 0:
        return
    keras = load_keras()

    class Progress(keras.callbacks.Callback):  # type: ignore
        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            context.on_epoch(epoch + 1, recipe.epochs, dict(logs or {}))

    if teaching:
        y: npt.NDArray[Any] = targets(teaching, context.y, context.outputs, model.output_shape[-1])
        loss: Any = distillation_loss(teaching, context.task)
        metric: Any = label_accuracy(context.task)
    else:
        y, loss, metric = context.y, label_loss(context.task), "accuracy"
    optimizers = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}
    model.compile(optimizer=optimizers[optimizer](recipe.learning_rate), loss=loss, metrics=[metric])
    model.fit(
        context.x,
        y,
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        validation_split=recipe.validation_split,
        callbacks=[*callbacks, *context.callbacks, Progress()],
        verbose=0,
    )


def label_loss(task: Literal["multiclass", "binary"]) -> Any:
    """Return the Keras loss on the labels: of logits for a multiclass task, of probabilities for a binary one."""
    losses = load_keras().losses
    return (
        losses.SparseCategoricalCrossentropy(from_logits=True) if task == "multiclass" else losses.BinaryCrossentropy()
    )


def clone(model: Any) -> Any:
    """Return a copy of `model` with the same weights, so that a technique leaves its input untouched."""
    copy = load_keras().models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def steps_per_epoch(samples: int, recipe: Recipe) -> int:
    """Return how many optimizer steps `fit` makes in an epoch: Keras keeps the first part of the split to train."""
    return -(-int(samples * (1 - recipe.validation_split)) // recipe.batch_size)
