"""Run one model file on image files: read, preprocess, invoke, and name the classes with the highest scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.data import DATASETS
from optkit.data.images import read_image
from optkit.data.preprocessing import Preprocessing, image_shape
from optkit.errors import ArtifactError, DataError
from optkit.files.regular import read_text
from optkit.names import shown
from optkit.runtime.attempt import attempt
from optkit.runtime.chosen import check_running, loader
from optkit.runtime.trial import check_runs
from optkit.spec import OwnSource
from optkit.spec.metrics import Task
from optkit.spec.running import PLAIN, Running
from optkit.suites import load_suite
from optkit.tflite.interface import read_interface
from optkit.tflite.outputs import OutputKind, output_kind


@dataclass(frozen=True, kw_only=True)
class Guess:
    """One class of one image: the model's own output for it, and its probability when that is known.

    It is known when the model ends in a softmax, a logarithm of one or a sigmoid, and when a suite says the task.
    `label` is None without labels. With one output and a task that is binary, or a sigmoid at the end, there are two
    classes: 1, whose score is the output, and 0, whose score is what the output would be for it.
    """

    index: int
    label: str | None
    score: float
    probability: float | None


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The best classes of one image, best first."""

    image: Path
    top: tuple[Guess, ...]


def predict(
    model: Path,
    images: Sequence[Path],
    *,
    suite: str | None = None,
    top: int = 5,
    labels: Sequence[str] | None = None,
    threads: int = 1,
    seconds: float | None = None,
    running: Running = PLAIN,
) -> list[Prediction]:
    """Classify the image files with the .tflite file `model`; preprocess as the data set of `suite` is, when given.

    Without a suite the model's input says the size and channels (last or first), and pixels are scaled to [0, 1].
    Whether the outputs are probabilities already is read from the model's last operators. If they are not, the suite's
    task says that they are logits; without a suite nothing does, and there are no probabilities. The model is tried in
    a process of its own first, for at most `seconds` (default: `runtime.trial.default_seconds`). `running` is another
    runtime, or other settings, than LiteRT with its defaults. A .mnn file, which optkit does not read, gives no
    probabilities. Raises ArtifactError when the model is damaged, crashes the runtime, takes too long or takes no such
    images, DataError for an image, SuiteError for a suite, a runtime or a setting.
    """
    if top < 1:
        raise DataError(f"top is {top}; expected 1 or more classes to show")
    runner = _loaded(model, running, threads, seconds)
    shape = runner.sample_shape if model.suffix == ".mnn" else _sample_shape(model)
    look, task = _from_suite(suite) if suite else (_from_model(model, shape), None)
    if dataclasses.replace(look, channels_first=True).sample_shape == shape != look.shape:
        look = dataclasses.replace(look, channels_first=True)
    if look.sample_shape != shape:
        raise ArtifactError(
            f"{model} takes samples of shape {shape}; suite {suite!r} makes them {look.sample_shape}: "
            "name the suite that the model was built from"
        )
    kind: OutputKind = "other"
    if model.suffix == ".mnn":
        task = None  # nothing says whether its outputs are logits
    else:
        kind = output_kind(model)
    try:
        outputs = [(path, _outputs(runner, path, look)) for path in images]
    finally:
        runner.close()
    return [Prediction(image=path, top=_guesses(found, kind, task, top, labels)) for path, found in outputs]


def _loaded(model: Path, running: Running, threads: int, seconds: float | None) -> Any:
    """Return the runner of `model`, after it ran in a process of its own."""
    if model.suffix == ".mnn" and running.runtime != "mnn":
        raise ArtifactError(f"{model} is a .mnn file, and the runtime is {running.runtime!r}; ask for --runtime mnn")
    if running.plain:
        check_runs(model, threads=threads, seconds=seconds)
    elif check_running(running).tries_itself:
        return loader(running)(model, threads=threads, seconds=seconds)
    elif refusal := attempt(model, running, threads=threads, seconds=seconds).refusal:
        raise ArtifactError(refusal)
    return loader(running)(model, threads=threads)


def read_labels(path: Path) -> tuple[str, ...]:
    """Return the class names in a text file, one a line, class 0 first. Raises DataError when it cannot be read."""
    try:
        return tuple(map(shown, read_text(path).splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} cannot be read as labels ({error}); give a text file with one class name a line"
        ) from error


def _from_suite(name_or_path: str) -> tuple[Preprocessing, Task]:
    workload = load_suite(name_or_path).workload
    if isinstance(workload.dataset, OwnSource):
        raise DataError("how your own data were prepared is not known; run without --suite")
    look = DATASETS[workload.dataset.name].preprocessing
    if look is None:
        raise DataError(f"samples of data set {workload.dataset.name!r} are not images; run without --suite")
    return look(**workload.dataset.params), workload.known_task


def _from_model(model: Path, shape: tuple[int, ...]) -> Preprocessing:
    if len(shape) == 2:
        return Preprocessing(shape=shape)
    found = image_shape(shape)
    if found is None:
        raise ArtifactError(
            f"{model} takes samples of shape {shape}; expected images: (height, width), or that with 1 or 3 channels, "
            "last or first"
        )
    return Preprocessing(shape=found[0], channels_first=found[1])


def _sample_shape(model: Path) -> tuple[int, ...]:
    """Return the shape of one sample, without the batch; sizes that the file leaves free are 1."""
    inputs = read_interface(model).inputs
    if len(inputs) > 1:
        names = ", ".join(repr(spec.name) for spec in inputs)
        raise ArtifactError(f"{model} has the inputs {names}; expected one")
    return tuple(1 if size is None else size for size in inputs[0].shape[1:])


def _outputs(runner: Any, path: Path, look: Preprocessing) -> npt.NDArray[np.float32]:
    """Return the model's outputs for the image at `path`, float32 (outputs,)."""
    pixels = read_image(path, look.shape[0], look.shape[1], look.channels).reshape(1, *look.shape)
    scores: npt.NDArray[np.float32] = runner.scores(runner.invoke(runner.prepare(look.apply(pixels))))
    return scores.reshape(-1)


def _guesses(
    outputs: npt.NDArray[np.float32], kind: OutputKind, task: Task | None, top: int, labels: Sequence[str] | None
) -> tuple[Guess, ...]:
    scores = outputs.astype(np.float64)
    if not len(scores):
        raise ArtifactError("the model gives no scores; give a classifier")
    if len(scores) == 1 and (task == "binary" or (task is None and kind == "sigmoid")):
        scores, probabilities = _two_classes(scores[0], kind)
    else:
        probabilities = _probabilities(scores, kind, task)
    if labels is not None and len(labels) != len(scores):
        raise DataError(f"there are {len(labels)} labels for {len(scores)} classes; give one a line, class 0 first")
    return tuple(
        Guess(
            index=int(i),
            label=labels[i] if labels is not None else None,
            score=float(scores[i]),
            probability=float(probabilities[i]) if probabilities is not None else None,
        )
        for i in np.argsort(-scores, kind="stable")[:top]
    )


def _two_classes(
    output: np.float64, kind: OutputKind
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64] | None]:
    """Return scores and probabilities of the classes 0 and 1, (2,), from the one output: a probability, or a logit."""
    if kind == "sigmoid":
        scores = np.array([1 - output, output])
        return scores, scores
    scores = np.array([-output, output])
    return scores, _sigmoid(scores)


def _probabilities(
    scores: npt.NDArray[np.float64], kind: OutputKind, task: Task | None
) -> npt.NDArray[np.float64] | None:
    """Return the probability of each class, (classes,); None when nothing says what the scores are."""
    if kind in ("softmax", "sigmoid"):
        return scores
    if kind == "log_softmax":
        return np.exp(scores)
    if task is None:
        return None
    exponents = np.exp(scores - scores.max())
    return np.asarray(exponents / exponents.sum())


def _sigmoid(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.exp(-np.logaddexp(0, -x)))
