"""What is known of a variant but its timings: data, file, runtime, accuracy, weights, and what it was made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from optkit.measure.scores import ScoresFacts
from optkit.measure.targets import TargetFacts
from optkit.tflite.weights import WeightFacts

SCHEMA = 1
"""Version of the saved form of a record."""


@dataclass(frozen=True, kw_only=True)
class DatasetFacts:
    """Which data a record was measured on: name, sha256, samples to train and to test."""

    name: str
    digest: str
    train: int
    test: int


@dataclass(frozen=True, kw_only=True)
class ArtifactFacts:
    """The file that was measured. `size_ratio` is the baseline's zip bytes divided by this file's."""

    key: str
    sha256: str
    file_bytes: int
    zip_bytes: int
    size_ratio: float


@dataclass(frozen=True, kw_only=True)
class RuntimeFacts:
    """What ran the file. `settings` are those that are not the runtime's defaults."""

    name: str
    version: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ConversionFacts:
    """How a file was converted: the `mode`, such as `int8`; whether single `layers` have a precision of their own.

    `extras` is what else was done to the file: of `sparse` (the sparse encoding) and `strip` (of names).
    """

    mode: str
    layers: bool = False
    extras: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class QualityFacts:
    """How well a file does a task whose metric is not accuracy of classes: its scores, and the drop from the baseline.

    `drop` is in the metric's own unit; positive is worse.
    """

    scores: ScoresFacts
    drop: float


@dataclass(frozen=True, kw_only=True)
class VariantFacts:
    """Everything known of a variant but its timings.

    `accuracy` and `accuracy_drop` (baseline's minus this) are fractions of the whole test set; `correct` is the
    packed vector behind them (`Evaluation.packed`). All three are None, not measured, when the data have no labels,
    and when another metric is measured: that is `quality`.
    `spec` is what the artifact's key was made of. `conversion` is None of a file that no conversion made. `targets` is
    what it is on each target of the suite, by name; empty of a Keras file.
    """

    schema: int
    suite: str
    suite_path: str | None
    variant: str
    kind: str
    dataset: DatasetFacts
    artifact: ArtifactFacts
    runtime: RuntimeFacts
    accuracy: float | None
    accuracy_drop: float | None
    correct: str | None
    weights: WeightFacts
    spec: dict[str, Any]
    quality: QualityFacts | None = None
    conversion: ConversionFacts | None = None
    targets: dict[str, TargetFacts] = field(default_factory=dict)

    @property
    def drop(self) -> float | None:
        """How much worse it is than the baseline, in the unit of the metric that was measured; None without one."""
        return self.quality.drop if self.quality else self.accuracy_drop

    @property
    def score(self) -> float | None:
        """The value of the metric that was measured; None without one."""
        return self.quality.scores.value if self.quality else self.accuracy
