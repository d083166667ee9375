"""The one training loop that the workload's training and all techniques share.

Law: what training gives depends on the model, the data, the recipe and the seed, not on whether it was interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from optkit.data.dataset import count, take
from optkit.errors import BuildError
from optkit.keras.files import load_model
from optkit.keras.tensorflow import load_keras
from optkit.names import shown
from optkit.spec import TrainingRecipe
from optkit.spec.metrics import Task
from optkit.training.batches import Labels, augmented_batches
from optkit.training.checkpoints import State, fits, latest, restore, save
from optkit.training.context import TrainingContext
from optkit.training.teaching import Teaching, distillation_loss, label_accuracy, targets, why_not_taught


def fit(
    model: Any,
    recipe: TrainingRecipe,
    context: TrainingContext,
    *,
    callbacks: Sequence[Any] = (),
    teaching: Teaching | None = None,
) -> None:
    """Compile `model` for the context's task and train it in place as `recipe` says; 0 epochs leave it as it is.

    With `teaching` it minimizes the distillation loss on the outputs that `context` has of the teacher. A recipe with
    checkpoints trains in parts, each with random numbers and an optimizer object of its own, whose state is carried
    over; with a checkpoint in the context's folder, the parts before it are left out. Of several inputs, samples are
    given to the model by input name. Raises BuildError when the teacher's outputs are missing or do not fit, the data
    have no labels, or `why_not` says that the model cannot be trained.
    """
    if recipe.epochs == 0:
        return
    if why := why_not(model, recipe, reconstructs=context.task == "reconstruction"):
        raise BuildError(why)
    if not len(context.y) and context.task != "reconstruction":
        raise BuildError("the data have no labels to train on; give epochs = 0, or data with labels")
    keras = load_keras()
    every = getattr(recipe, "checkpoint_epochs", 0) if context.checkpoints else 0
    own = [*callbacks, *context.callbacks, _progress(recipe, context)]
    if recipe.learning_rate_schedule != "constant":
        own.append(keras.callbacks.LearningRateScheduler(lambda epoch: learning_rate(recipe, epoch)))
    data = _augmented if recipe.augmentation else _plain

    def usable(epoch: int, state: State) -> bool:
        return 0 < epoch < recipe.epochs and epoch % every == 0 and fits(state, model, _optimizer(recipe))

    found = latest(context.checkpoints, usable) if every and context.checkpoints else None
    begin, state = found if found else (0, None)
    while begin < recipe.epochs:
        end = min(begin + every, recipe.epochs) if every else recipe.epochs
        optimizer = _optimizer(recipe)
        if begin:
            keras.utils.set_random_seed(int(np.random.SeedSequence([context.seed, begin]).generate_state(1)[0]))
        if state:
            restore(state, model, optimizer)
        loss, metrics = _loss_and_metrics(context, teaching)
        steps = 1 if callbacks or context.callbacks else _steps_at_once(count(context.x), recipe)
        model.compile(optimizer, loss=loss, metrics=metrics, steps_per_execution=steps)
        arguments = data(model, recipe, context, teaching, begin)
        model.fit(**arguments, initial_epoch=begin, epochs=end, callbacks=own, verbose=0)
        if end < recipe.epochs and context.checkpoints:
            state = save(context.checkpoints, end, model, optimizer)
        begin = end


def why_not(model: Any, recipe: TrainingRecipe, *, reconstructs: bool) -> str:
    """Say in one line why `model` cannot be trained by `recipe`; "" if it can. Nothing is trained to find out."""
    outputs = list(getattr(model, "output_names", None) or ())
    several = len(model.inputs or ()) > 1
    if len(outputs) > 1:
        return (
            f"the model has the outputs {', '.join(map(shown, outputs))}, and there is one array of labels; leave the "
            "steps that train out, or give a model with one output"
        )
    if several and recipe.augmentation:
        return "augmentation is of images, and the model has several inputs; drop augmentation"
    if several and reconstructs:
        return "the model has several inputs, and a reconstruction is of one; leave the steps that train out"
    return ""


def learning_rate(recipe: TrainingRecipe, epoch: int) -> float:
    """Return the learning rate of `epoch` (from 0) by the recipe's schedule."""
    part = epoch / recipe.epochs
    factor = {
        "constant": 1.0,
        "cosine": (1 + float(np.cos(np.pi * part))) / 2,
        "step": 1.0 if part < 0.5 else 0.1 if part < 0.75 else 0.01,
    }[recipe.learning_rate_schedule]
    return recipe.learning_rate * factor


def _loss_and_metrics(context: TrainingContext, teaching: Teaching | None) -> tuple[Any, list[Any]]:
    if not teaching:
        classes = context.task in ("multiclass", "binary", "sequence")
        return label_loss(context.task, context.activation), ["accuracy"] if classes else []
    if why := why_not_taught(context.task):
        raise BuildError(why)
    loss = distillation_loss(teaching, context.task, probabilities=context.activation == "softmax")
    return loss, [label_accuracy(context.task)]


def label_loss(task: Task, activation: str | None = None) -> Any:
    """Return the Keras loss on the labels of a task, for a model that ends in `activation`.

    None: logits for classes, a probability for binary and multilabel tasks.
    """
    losses = load_keras().losses
    if task in ("multiclass", "sequence"):
        return losses.SparseCategoricalCrossentropy(from_logits=activation != "softmax")
    if task in ("binary", "multilabel"):
        return losses.BinaryCrossentropy(from_logits=activation not in (None, "sigmoid", "hard_sigmoid"))
    return losses.MeanSquaredError()


def samples_to_train(samples: int, recipe: TrainingRecipe) -> int:
    """Return how many of `samples` are trained on: the first ones, as Keras splits them; the others validate."""
    return int(samples * (1 - recipe.validation_split))


def steps_per_epoch(samples: int, recipe: TrainingRecipe) -> int:
    """Return how many optimizer steps `fit` makes in an epoch."""
    return -(-samples_to_train(samples, recipe) // recipe.batch_size)


def _steps_at_once(samples: int, recipe: TrainingRecipe) -> int:
    """Return how many steps TensorFlow makes without going back to Python: the weights become the same ones.

    That spares a small network a third of its time. It takes longer to begin, so an epoch must have many steps.
    """
    return 32 if steps_per_epoch(samples, recipe) >= 256 else 1


def _optimizer(recipe: TrainingRecipe) -> Any:
    optimizers = load_keras().optimizers
    decay = recipe.weight_decay or None
    if recipe.optimizer == "adam":
        optimizer = optimizers.Adam(recipe.learning_rate, weight_decay=decay)
    else:
        optimizer = optimizers.SGD(recipe.learning_rate, momentum=recipe.momentum, weight_decay=decay)
    if decay:
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def _progress(recipe: TrainingRecipe, context: TrainingContext) -> Any:
    class Progress(load_keras().callbacks.Callback):  # type: ignore
        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            context.on_epoch(epoch + 1, recipe.epochs, dict(logs or {}))

    return Progress()


def _plain(
    model: Any, recipe: TrainingRecipe, context: TrainingContext, teaching: Teaching | None, begin: int
) -> dict[str, Any]:
    """Return the data arguments of Keras' `fit` for the samples as they are."""
    y: Any = context.y if len(context.y) and context.task != "reconstruction" else context.x
    if teaching:
        y = targets(teaching, context.y, context.outputs, model.output_shape[-1])
    return {
        "x": context.x,
        "y": y,
        "batch_size": recipe.batch_size,
        "validation_split": recipe.validation_split,
    }


def _augmented(
    model: Any, recipe: TrainingRecipe, context: TrainingContext, teaching: Teaching | None, begin: int
) -> dict[str, Any]:
    """Return the data arguments of Keras' `fit` for augmented batches, and plain samples to validate with."""
    trained = samples_to_train(count(context.x), recipe)
    labels = _teacher_labels(model, context, teaching) if teaching else None
    batches = augmented_batches(context.x[:trained], context.y[:trained], recipe, (context.seed, begin), labels)
    found: dict[str, Any] = {"x": batches, "shuffle": False}
    if trained < count(context.x):
        rest = take(context.x, slice(trained, None)), context.y[trained:]
        found["validation_data"] = (rest[0], labels(*rest) if labels else rest[1])
    return found


def _teacher_labels(model: Any, context: TrainingContext, teaching: Teaching) -> Labels:
    path = context.models.get(teaching.teacher)
    teacher = load_model(path) if path else None

    def labels(x: Any, y: Any) -> Any:
        outputs = {teaching.teacher: teacher.predict_on_batch(x)} if teacher else {}
        return targets(teaching, y, outputs, model.output_shape[-1])

    return labels
