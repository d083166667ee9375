"""How well an artifact does its task by any metric: the value, what is kept of each sample, and their saved form.

Law: what is saved gives the value again; a record whose parts contradict each other is refused.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from optkit.build.artifact import Artifact
from optkit.build.store import Store
from optkit.data import Dataset
from optkit.files.documents import decode_json
from optkit.measure.formulas import FORMULAS, mean
from optkit.spec.keys import digest
from optkit.spec.metrics import Better, Task

SCHEMA = 1
_VERSION = 1
Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class ScoresFacts:
    """The saved form of `Scores`. `kept` is base64: packed bits (`bits`), or deflated little-endian float32.

    `samples` is how many rows were kept, `columns` how many values of each; 0 means one, without an axis.
    """

    schema: int
    metric: str
    task: Task
    unit: str
    better: Better
    by_sample: bool
    value: float
    form: Literal["none", "bits", "float32"]
    samples: int
    columns: int
    kept: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """A metric of an artifact over the whole test set, in the test set's order.

    `kept`: of a metric `by_sample` the score of each sample, bool or float32 (samples,), whose mean the value is; of
    any other what `statistic` makes the value of, float32 (samples, columns). None when nothing could be kept: the
    metric is a function of the user's that returns one number.
    """

    metric: str
    task: Task
    unit: str
    better: Better
    by_sample: bool
    value: float
    kept: Array | None

    def statistic(self, kept: Array) -> float:
        """Return the metric of kept rows, such as a resampling of `kept`; NaN where it is not defined."""
        return mean(kept) if self.by_sample else FORMULAS[self.metric, self.task][1](kept)

    def drop_from(self, baseline: Scores) -> float:
        """Return how much worse this is than `baseline`, in the metric's own unit: positive is worse.

        Of correctness it is rounded once: 20 of 10,000 is exactly 0.002. Raises ValueError when the two are of other
        metrics, tasks or samples.
        """
        self.check_same(baseline)
        if self.kept is not None and baseline.kept is not None and self.kept.dtype == baseline.kept.dtype == np.bool_:
            lost = int(baseline.kept.sum()) - int(self.kept.sum())
            return (lost if self.better == "higher" else -lost) / len(self.kept)
        change = baseline.value - self.value
        return change if self.better == "higher" else -change

    def check_same(self, other: Scores) -> None:
        """Raise ValueError unless `other` is of the same metric, task and number of samples."""
        for name in ("metric", "task", "better"):
            if getattr(self, name) != getattr(other, name):
                raise ValueError(f"{name} {getattr(self, name)} against {getattr(other, name)}; expected the same")
        rows = [None if one.kept is None else len(one.kept) for one in (self, other)]
        if rows[0] != rows[1]:
            raise ValueError(f"{rows[0]} samples against {rows[1]}; expected the same test set")

    def facts(self) -> ScoresFacts:
        """Return the saved form."""
        form, kept, samples, columns = _packed(self.kept)
        return ScoresFacts(
            schema=SCHEMA,
            metric=self.metric,
            task=self.task,
            unit=self.unit,
            better=self.better,
            by_sample=self.by_sample,
            value=self.value,
            form=form,
            samples=samples,
            columns=columns,
            kept=kept,
        )


def read_scores(facts: ScoresFacts) -> Scores:
    """Return what `Scores.facts` wrote. Raises ValueError when it cannot be, or its value is not that of its rows."""
    if facts.schema != SCHEMA:
        raise ValueError(f"scores of schema {facts.schema}; expected {SCHEMA}")
    found = Scores(
        metric=facts.metric,
        task=facts.task,
        unit=facts.unit,
        better=facts.better,
        by_sample=facts.by_sample,
        value=facts.value,
        kept=_unpacked(facts),
    )
    if found.kept is not None:
        if not facts.by_sample and (facts.metric, facts.task) not in FORMULAS:
            raise ValueError(f"there is no metric {facts.metric!r} of task {facts.task}")
        again = found.statistic(found.kept)
        if not math.isclose(again, facts.value, rel_tol=1e-6, abs_tol=1e-9):
            raise ValueError(f"{facts.metric} is {facts.value:g}, but {again:g} by its samples; it was changed")
    return found


def kept_scores(
    artifact: Artifact,
    dataset: Dataset,
    runtime: Mapping[str, Any],
    store: Store,
    metric: Mapping[str, str],
    measure: Callable[[], Scores],
) -> Scores:
    """Return what the store has for these bytes, data, runtime and `metric` (`Scorer.about`), or `measure` it."""
    about = {
        "scores": _VERSION,
        "artifact": artifact.sha256,
        "data": dataset.digest,
        "runtime": dict(runtime),
        "metric": dict(metric),
    }

    def make(path: Path) -> dict[str, Any]:
        path.write_text(json.dumps(vars(measure().facts())))
        return about

    def read(path: Path) -> Scores:
        return read_scores(decode_json(path.read_bytes(), ScoresFacts))

    entry = store.get(digest(about), make, "scores.json", lambda path, old: about, read)
    return read(store.path(entry))


def _packed(kept: Array | None) -> tuple[Literal["none", "bits", "float32"], str, int, int]:
    if kept is None:
        return "none", "", 0, 0
    columns = kept.shape[1] if kept.ndim == 2 else 0
    if kept.dtype == np.bool_:
        return "bits", base64.b64encode(np.packbits(kept).tobytes()).decode(), len(kept), columns
    data = zlib.compress(np.ascontiguousarray(kept, "<f4").tobytes())
    return "float32", base64.b64encode(data).decode(), len(kept), columns


def _unpacked(facts: ScoresFacts) -> Array | None:
    if facts.form == "none":
        return None
    if facts.samples < 1 or facts.columns < 0:
        raise ValueError(f"scores of {facts.samples} samples and {facts.columns} columns; expected some")
    data = base64.b64decode(facts.kept, validate=True)
    if facts.form == "bits":
        if facts.columns or len(data) != -(-facts.samples // 8):
            raise ValueError(f"{len(data)} packed bytes; expected those of {facts.samples} samples")
        return np.unpackbits(np.frombuffer(data, np.uint8), count=facts.samples).astype(bool)
    size = 4 * facts.samples * max(1, facts.columns)
    if size > len(data) * 1032 + 64:  # deflate makes no more of a byte: nothing is asked for that cannot be there
        raise ValueError(f"{len(data)} deflated bytes; expected those of {size}")
    try:
        inflated = zlib.decompressobj().decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError(f"the kept scores are damaged: {error}") from error
    if len(inflated) != size:
        raise ValueError(f"{len(inflated)} bytes of kept scores; expected {size}")
    values = np.frombuffer(inflated, "<f4").astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("the kept scores hold NaN or infinity")
    return values.reshape(facts.samples, facts.columns) if facts.columns else values
