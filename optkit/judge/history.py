"""A folder of saved runs as series, one for each benchmark or variant and metric, with the changes in them.

Law: what is not comparable is never joined: another environment, suite, data set, kind of file, setting of the runtime
or version of what measures on a target begins a series of its own. How a full set was run is not a setting: a trial
chooses it, and a point says which.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from optkit.errors import OptkitError, nearest
from optkit.judge.past import PastTiming, correct_of
from optkit.judge.saved_runs import SavedRun, Unread
from optkit.judge.segments import Change, accuracy_changes, new_vectors, size_changes, time_changes
from optkit.judge.target_deltas import FIGURES, RUNS, limit_of, name_there
from optkit.judge.tolerances import Tolerances
from optkit.record.environments import grouped
from optkit.record.facts import DatasetFacts
from optkit.spec.metrics import METRICS as KNOWN
from optkit.stats.changepoints import FEWEST, SHORTEST, fewest_to_show, scatter

METRICS = ("seconds", "accuracy", "zip_bytes", "file_bytes", *FIGURES, RUNS)


@dataclass(frozen=True, kw_only=True)
class Point:
    """One run's value in a series. `commit` is the id that pytest-benchmark saved, with a + when it was changed.

    `way` says how a full set was run, as a trial chose: it may differ from run to run.
    """

    path: str
    made: str
    commit: str
    value: float
    way: str | None = None


@dataclass(frozen=True, kw_only=True)
class Series:
    """One metric of one benchmark or variant in one environment, in the order of time.

    `environment` is a number in `History.environments`. `scatter` is the robust standard deviation of log times about
    their segments, None of fewer than three runs; `needed` is how many runs it takes to show any change. Both are only
    of times.
    """

    environment: int
    suite: str
    dataset: DatasetFacts
    name: str
    metric: str
    unit: str
    points: tuple[Point, ...]
    changes: tuple[Change, ...]
    scatter: float | None = None
    needed: int | None = None

    @property
    def worsened(self) -> bool:
        """Whether the newest run is worse than before: the last change that counts was a worsening."""
        counting = [change for change in self.changes if change.counts]
        return bool(counting) and counting[-1].verdict == "worse"


@dataclass(frozen=True, kw_only=True)
class History:
    """All series of a folder. `tests` is how many the false-alarm rate was shared among."""

    environments: tuple[dict[str, Any], ...]
    series: tuple[Series, ...]
    unread: tuple[Unread, ...]
    tests: int


class _Key(NamedTuple):
    environment: int
    suite: str
    dataset: int
    """Its number among the data sets of the history."""
    name: str
    metric: str
    apart: tuple[Any, ...]
    """What else begins a series of its own: the kind of file; batch, samples, reference model and clock of a time."""


@dataclass(frozen=True)
class _Value:
    saved: SavedRun
    figure: Any
    """Bytes, the timings of the sessions, or the vector of correct samples."""


def make_history(
    runs: Sequence[SavedRun],
    tolerances: Tolerances,
    *,
    unread: Sequence[Unread] = (),
    variants: Sequence[str] = (),
    metrics: Sequence[str] = METRICS,
) -> History:
    """Make series of `runs`, oldest first, and locate the changes by `rules`; of all `variants` when none is named.

    Raises OptkitError for a variant or metric that is not known.
    """
    _check_names("metric", metrics, METRICS)
    _check_names("variant", variants, {one.name for saved in runs for one in saved.run.variants})
    environments, numbers = grouped(saved.run.environment for saved in runs)
    values: dict[_Key, list[_Value]] = {}
    datasets: dict[DatasetFacts, int] = {}
    for saved, number in zip(runs, numbers, strict=True):
        dataset = datasets.setdefault(saved.run.dataset, len(datasets))
        for key, value in _values(saved, number, dataset):
            if key.metric in metrics and (not variants or key.name.split("/")[0] in variants):
                values.setdefault(key, []).append(value)
    values = {key: found for key, found in values.items() if not _always_runs(key, found)}
    tests = max(1, sum(_tests(key, found) for key, found in values.items()))
    series = [_series(key, found, tolerances, tests) for key, found in values.items()]
    series.sort(key=lambda one: (one.environment, one.suite, one.dataset.digest, METRICS.index(one.metric)))
    return History(environments=tuple(environments), series=tuple(series), unread=tuple(unread), tests=tests)


def _check_names(what: str, names: Sequence[str], known: Any) -> None:
    for name in names:
        if name not in known:
            raise OptkitError(f"the history has no {what} {name!r}; {nearest(name, known)}")


def _values(saved: SavedRun, environment: int, dataset: int) -> Iterator[tuple[_Key, _Value]]:
    run = saved.run
    where = (environment, run.suite, dataset)
    kinds = {one.name: one.kind for one in run.variants}
    for one in run.variants:
        for metric in ("file_bytes", "zip_bytes"):
            yield _Key(*where, one.name, metric, (one.kind,)), _Value(saved, getattr(one, metric))
        if one.accuracy is not None:
            yield _Key(*where, one.name, "accuracy", (one.kind,)), _Value(saved, correct_of(one, run.dataset.test))
        for there in one.targets:
            figures = (*there.figures, (RUNS, float(bool(there.figures))))
            for metric, figure in figures:
                yield _Key(*where, name_there(one.name, there.name), metric, (there.by,)), _Value(saved, figure)
    sessions: dict[_Key, list[PastTiming]] = {}
    for timing in run.timings:
        setting = timing.setting
        reference = setting.reference if timing.reference_seconds else "none"
        batch = None if setting.way else setting.batch  # a full set's is a part of the way that was chosen
        apart = (kinds[setting.variant], batch, setting.samples, reference, setting.clock, setting.runs_on)
        sessions.setdefault(_Key(*where, setting.name, "seconds", apart), []).append(timing)
    yield from ((key, _Value(saved, timings)) for key, timings in sessions.items())


def _always_runs(key: _Key, values: Sequence[_Value]) -> bool:
    """Tell whether a series says only that a file always ran on a target: its other series say so too."""
    return key.metric == RUNS and all(value.figure for value in values)


def _tests(key: _Key, values: Sequence[_Value]) -> int:
    """Return how many tests a series takes: a time one, where it can be tested at all, an accuracy one a new vector."""
    if key.metric == "seconds":
        return int(len(values) >= FEWEST)
    return len(new_vectors([value.figure for value in values])) if key.metric == "accuracy" else 0


def _series(key: _Key, values: Sequence[_Value], tolerances: Tolerances, tests: int) -> Series:
    more: dict[str, Any] = {}
    if key.metric == "seconds":
        unit, figures = _times([value.figure for value in values])
        changes = time_changes(figures, tolerances, tests)
        more = {"scatter": _scatter(figures, changes), "needed": fewest_to_show(tolerances.family_alpha / tests)}
    elif key.metric == "accuracy":
        vectors = [value.figure for value in values]
        unit, figures = "fraction", _shares(vectors)
        changes = accuracy_changes(vectors, tolerances, tests)
    else:
        known = KNOWN.get(key.metric)
        unit, figures = known.unit if known else "yes or no", [value.figure for value in values]
        higher = known is None or known.better == "higher"  # None: whether it runs at all
        changes = size_changes(figures, limit_of(key.metric, tolerances), higher_is_better=higher)
    points = tuple(_point(value, figure) for value, figure in zip(values, figures, strict=True))
    named = {field: getattr(key, field) for field in ("environment", "suite", "name", "metric")}
    dataset = values[0].saved.run.dataset
    return Series(**named, dataset=dataset, unit=unit, points=points, changes=changes, **more)


def _shares(vectors: Sequence[Any]) -> list[float]:
    """Return the mean of each vector; of one that many runs share, once."""
    means = {id(vector): float(vector.mean()) for vector in {id(vector): vector for vector in vectors}.values()}
    return [means[id(vector)] for vector in vectors]


def _scatter(figures: Sequence[float], changes: Sequence[Change]) -> float | None:
    """Return the scatter of times about their segments; None of fewer runs than a segment can be seen in."""
    if len(figures) < SHORTEST:
        return None
    return scatter([math.log(figure) for figure in figures], [change.at for change in changes])


def _times(runs: Sequence[Sequence[PastTiming]]) -> tuple[str, list[float]]:
    """Return the unit, and each run's median over its sessions: in times of the reference model where there was one.

    The median over rounds of the quotients, if all runs saved their rounds; else, for all, the quotient of medians. CPU
    seconds of rounds are saved always; `_Key.apart` keeps them from times by wall clock.
    """
    timings = [timing for sessions in runs for timing in sessions]
    unit = "times the reference" if all(timing.reference_seconds for timing in timings) else "seconds"
    rounds = all(timing.quotient for timing in timings)

    def figure(timing: PastTiming) -> float:
        if unit == "seconds" or not timing.reference_seconds:
            return timing.seconds
        return (timing.quotient if rounds else None) or timing.seconds / timing.reference_seconds

    return unit, [statistics.median(map(figure, sessions)) for sessions in runs]


def _way(timings: Sequence[PastTiming]) -> str | None:
    """Return how a full set was run, in all sessions; None of another mode."""
    if timings[0].setting.way is None:
        return None
    return "; ".join(dict.fromkeys(str(timing.setting.way) for timing in timings))


def _point(value: _Value, figure: float) -> Point:
    saved = value.saved
    return Point(
        path=saved.path,
        made=saved.stamp,
        commit=saved.run.commit,
        value=figure,
        way=_way(value.figure) if isinstance(value.figure, list) else None,
    )
