"""How good the outputs of a file are on test samples: the metric, and how far they are from the float file's."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.data.dataset import Dataset, count, take
from optkit.errors import OptkitError
from optkit.measure.metrics import Scorer
from optkit.process.temporary import temporary_folder
from optkit.runtime.samples import run_samples
from optkit.tflite.interface import Array, Interface

Outputs = list[npt.NDArray[np.float32]]
AGREEMENT = "agreement with the float file"
DISTANCE = "distance from the float file"


@dataclass(frozen=True, kw_only=True)
class Quality:
    """What a file gives on the test samples.

    `value` is the metric; `error` the squared difference of its outputs from the float file's, over their power.
    """

    value: float
    error: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Test:
    """Test samples, what the float file gives for them, and the metric: `measure` a file's bytes by it.

    `x` are arrays by the float file's input names. Without labels the metric is the agreement with the float file: the
    share of outputs whose largest value is at the same place; of outputs without classes the distance, the root of the
    mean squared difference over that of the float outputs.
    """

    x: dict[str, Array]
    names: tuple[str, ...]
    metric: str
    better: str
    score: Callable[[Outputs], float]
    expected: Outputs = field(repr=False)
    samples: int = 0
    seconds: float = 0.0

    def measure(self, content: bytes, batch: int | None = None) -> Quality:
        """Run the .tflite file `content`, whose inputs are as the float file's and in its order."""
        outputs = run_bytes(content, self.x, self.names, batch)
        power = sum(float((a.astype(np.float64) ** 2).sum()) for a in self.expected)
        wrong = sum(float(((a.astype(np.float64) - b) ** 2).sum()) for a, b in zip(self.expected, outputs, strict=True))
        return Quality(value=self.score(outputs), error=wrong / power if power else float(wrong > 0))

    def loss(self, quality: Quality, plain: Quality) -> float:
        """Return how much worse `quality` is than `plain`, in the metric's unit; positive is worse."""
        change = plain.value - quality.value
        return change if self.better == "higher" else -change


def run_bytes(content: bytes, x: Mapping[str, Array], names: tuple[str, ...], batch: int | None = None) -> Outputs:
    """Return the outputs of a .tflite file, float32, in its order; `names` has the order of the arrays in `x`."""
    from optkit.tflite.interface import read_interface

    with temporary_folder("doctor") as folder:
        path = folder / "model.tflite"
        path.write_bytes(content)
        own = [spec.name for spec in read_interface(path).inputs]
        order = names if set(own) != set(names) else tuple(own)
        arrays = {mine: x[theirs] for mine, theirs in zip(own, order, strict=True)}
        return list(run_samples(path, arrays, batch=batch or 32).values())


def make_test(
    content: bytes, interface: Interface, dataset: Dataset, scorer: Scorer | None, most: int, seed: int = 0
) -> Test:
    """Return what files are measured by: up to `most` test samples, drawn by `seed`, and the metric.

    `scorer` is None where there are no labels. Raises OptkitError when labels and outputs do not go together.
    """
    total = count(dataset.x_test)
    places = np.sort(np.random.default_rng(seed).permutation(total)[:most])
    given = take(dataset.x_test, places)
    names = tuple(spec.name for spec in interface.inputs)
    x = dict(given) if isinstance(given, Mapping) else {names[0]: given}
    began = time.monotonic()
    expected = run_bytes(content, x, names)
    seconds = time.monotonic() - began
    score, metric, better = _score(dataset, scorer, places, x, expected)
    return Test(
        x=x,
        names=names,
        metric=metric,
        better=better,
        score=score,
        expected=expected,
        samples=len(places),
        seconds=seconds,
    )


def _score(
    dataset: Dataset, scorer: Scorer | None, places: Any, x: dict[str, Array], expected: Outputs
) -> tuple[Callable[[Outputs], float], str, str]:
    if scorer is None and expected[0].ndim > 1 and expected[0].shape[-1] > 1:
        classes = expected[0].argmax(axis=-1)
        return (lambda outputs: float(np.mean(outputs[0].argmax(axis=-1) == classes))), AGREEMENT, "higher"
    if scorer is None:
        power = float(np.mean(expected[0].astype(np.float64) ** 2)) or 1.0
        return (
            (lambda outputs: float(np.sqrt(np.mean((outputs[0].astype(np.float64) - expected[0]) ** 2) / power))),
            DISTANCE,
            "lower",
        )
    if len(expected) > 1:
        raise OptkitError(f"the model has {len(expected)} outputs, and a metric is of one; leave out the labels")
    labels = dataset.y_test[places] if len(dataset.y_test) else dataset.y_test
    groups = None if dataset.group_test is None else dataset.group_test[places]
    inputs = x if len(x) > 1 else next(iter(x.values()))
    found: Scorer = scorer
    return (
        (lambda outputs: found.from_outputs(labels, outputs[0], inputs=inputs, groups=groups).value),
        found.name,
        found.better,
    )


def written(folder: Path, name: str, content: bytes) -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(content)
    return path
