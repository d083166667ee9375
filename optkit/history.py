"""A folder of saved runs as series, one for each benchmark or variant and metric, with the changes in them.

Law: what is not comparable is never joined: another environment, suite, data set, kind of file or setting of the
runtime begins a series of its own. What cannot be read is named with the reason.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from optkit.changepoints import FEWEST, fewest_to_show, scatter
from optkit.deltas import Rules, benchmark_name, correct_samples
from optkit.environments import environment_of, grouped
from optkit.errors import OptkitError, RecordError, nearest
from optkit.levels import Change, accuracy_changes, new_vectors, size_changes, time_changes
from optkit.names import shown
from optkit.record import DatasetFacts, Run, read_run
from optkit.timing import Timing

METRICS = ("seconds", "accuracy", "zip_bytes", "file_bytes")


@dataclass(frozen=True, kw_only=True)
class SavedRun:
    """A run, the file it was read from, under the folder, and when it was made."""

    path: str
    made: datetime
    run: Run


@dataclass(frozen=True, kw_only=True)
class Unread:
    """A file that is not in the history, and why."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Point:
    """One run's value in a series. `commit` is the id that pytest-benchmark saved, with a + when it was changed."""

    path: str
    made: str
    commit: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Series:
    """One metric of one benchmark or variant in one environment, in the order of time.

    `environment` is a number in `History.environments`. `scatter` is the robust standard deviation of log times about
    their levels, `needed` how many runs it takes to show any change; both for times only.
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


@dataclass(frozen=True)
class _Key:
    environment: int
    suite: str
    dataset: DatasetFacts
    name: str
    metric: str
    apart: tuple[Any, ...]
    """What else begins a series of its own: the kind of file; batch, samples, reference model and clock of a time."""


@dataclass(frozen=True)
class _Value:
    saved: SavedRun
    figure: Any
    """Bytes, the timings of the sessions, or the vector of correct samples."""


def read_runs(folder: Path) -> tuple[tuple[SavedRun, ...], tuple[Unread, ...]]:
    """Return the runs in `folder` and below, oldest first, and the .json files that are none.

    Raises RecordError when there is no run at all.
    """
    if not folder.is_dir():
        raise RecordError(
            f"{folder} is not a folder; give the one that --benchmark-autosave writes, such as .benchmarks"
        )
    runs: list[SavedRun] = []
    unread: list[Unread] = []
    for path in sorted(folder.rglob("*.json")):
        name = shown(path.relative_to(folder).as_posix())
        try:
            runs.append(_read(path, name))
        except RecordError as error:
            reason = str(error).removeprefix(f"{shown(path)}: ").removeprefix(f"{shown(path)} ")
            unread.append(Unread(path=name, reason=reason))
    runs.sort(key=lambda saved: (saved.made, saved.path))
    copies = list(_copies(runs))
    if not runs:
        why = f"; {unread[0].path}: {unread[0].reason}" if unread else ""
        raise RecordError(
            f"{folder} has no saved run among {len(unread)} .json files{why}; save runs there with: "
            "pytest --benchmark-only --benchmark-autosave"
        )
    again = {copy.path for copy in copies}
    return tuple(saved for saved in runs if saved.path not in again), (*unread, *copies)


def _read(path: Path, name: str) -> SavedRun:
    run = read_run(path)
    if not isinstance(run.machine, dict) or not isinstance(run.machine.get("cpu") or {}, dict):
        raise RecordError("its machine_info is not what pytest-benchmark saves")
    try:
        made = datetime.fromisoformat(run.made.replace("Z", "+00:00"))
    except ValueError:
        raise RecordError(f"its datetime is {run.made!r}; without a date it has no place in a history") from None
    for variant, facts in run.variants.items():
        if facts.accuracy is not None:
            correct_samples(run, variant)
    return SavedRun(path=name, made=made if made.tzinfo else made.replace(tzinfo=timezone.utc), run=run)


def _copies(runs: Sequence[SavedRun]) -> Iterator[Unread]:
    """Yield the runs that were saved a second time: a copy would count as evidence."""
    first: dict[Any, str] = {}
    for saved in runs:
        timings = tuple((benchmark_name(timing), timing.seconds) for timing in saved.run.timings)
        known = first.setdefault((saved.made, saved.run.suite, timings), saved.path)
        if known != saved.path:
            yield Unread(path=saved.path, reason=f"the same run as {known}")


def make_history(
    runs: Sequence[SavedRun],
    rules: Rules,
    *,
    unread: Sequence[Unread] = (),
    variants: Sequence[str] = (),
    metrics: Sequence[str] = METRICS,
) -> History:
    """Make series of `runs`, oldest first, and locate the changes by `rules`; of all `variants` when none is named.

    Raises OptkitError for a variant or metric that is not known.
    """
    _check_names("metric", metrics, METRICS)
    _check_names("variant", variants, {name for saved in runs for name in saved.run.variants})
    environments, numbers = grouped(environment_of(saved.run) for saved in runs)
    values: dict[_Key, list[_Value]] = {}
    for saved, number in zip(runs, numbers, strict=True):
        for key, value in _values(saved, number):
            if key.metric in metrics and (not variants or key.name.split("/")[0] in variants):
                values.setdefault(key, []).append(value)
    tests = max(1, sum(_tests(key, found) for key, found in values.items()))
    series = [_series(key, found, rules, tests) for key, found in values.items()]
    series.sort(key=lambda one: (one.environment, one.suite, one.dataset.digest, METRICS.index(one.metric)))
    return History(environments=tuple(environments), series=tuple(series), unread=tuple(unread), tests=tests)


def _check_names(what: str, names: Sequence[str], known: Any) -> None:
    for name in names:
        if name not in known:
            raise OptkitError(f"the history has no {what} {name!r}; {nearest(name, known)}")


def _values(saved: SavedRun, environment: int) -> Iterator[tuple[_Key, _Value]]:
    run = saved.run
    where = (environment, run.suite, run.dataset)
    for name, facts in run.variants.items():
        for metric in ("file_bytes", "zip_bytes"):
            yield _Key(*where, name, metric, (facts.kind,)), _Value(saved, getattr(facts.artifact, metric))
        if facts.accuracy is not None:
            yield _Key(*where, name, "accuracy", (facts.kind,)), _Value(saved, correct_samples(run, name))
    sessions: dict[_Key, list[Timing]] = {}
    for timing in run.timings:
        name = benchmark_name(timing) + (f" ({timing.strategy})" if timing.strategy else "")
        reference = timing.reference if timing.reference_seconds else "none"
        apart = (run.variants[timing.variant].kind, timing.batch, timing.samples, reference, timing.clock)
        sessions.setdefault(_Key(*where, name, "seconds", apart), []).append(timing)
    yield from ((key, _Value(saved, timings)) for key, timings in sessions.items())


def _tests(key: _Key, values: Sequence[_Value]) -> int:
    """Return how many tests a series takes: a time one, where it can be tested at all, an accuracy one a new vector."""
    if key.metric == "seconds":
        return int(len(values) >= FEWEST)
    return len(new_vectors([value.figure for value in values])) if key.metric == "accuracy" else 0


def _series(key: _Key, values: Sequence[_Value], rules: Rules, tests: int) -> Series:
    more: dict[str, Any] = {}
    if key.metric == "seconds":
        unit, figures = _times([value.figure for value in values])
        changes = time_changes(figures, rules, tests)
        spread = scatter([math.log(figure) for figure in figures], [change.at for change in changes])
        more = {"scatter": spread, "needed": fewest_to_show(rules.false_alarm / tests)}
    elif key.metric == "accuracy":
        vectors = [value.figure for value in values]
        unit, figures = "fraction", [float(vector.mean()) for vector in vectors]
        changes = accuracy_changes(vectors, rules, tests)
    else:
        unit, figures = "bytes", [value.figure for value in values]
        changes = size_changes(figures, rules)
    points = tuple(_point(value.saved, figure) for value, figure in zip(values, figures, strict=True))
    named = {field: getattr(key, field) for field in ("environment", "suite", "dataset", "name", "metric")}
    return Series(**named, unit=unit, points=points, changes=changes, **more)


def _times(runs: Sequence[Sequence[Timing]]) -> tuple[str, list[float]]:
    """Return the unit, and each run's median over its sessions: in times of the reference model where there was one.

    The median over rounds of the quotients, if all runs saved their rounds; else, for all, the quotient of medians. CPU
    seconds of rounds are saved always; `_Key.apart` keeps them from times by wall clock.
    """
    timings = [timing for sessions in runs for timing in sessions]
    unit = "times the reference" if all(timing.reference_seconds for timing in timings) else "seconds"
    rounds = all(timing.clock == "cpu" or (timing.rounds and timing.reference_rounds) for timing in timings)

    def figure(timing: Timing) -> float:
        if unit == "seconds" or not timing.reference_seconds:
            return timing.seconds
        return (timing.normalized if rounds else None) or timing.seconds / timing.reference_seconds

    return unit, [statistics.median(map(figure, sessions)) for sessions in runs]


def _point(saved: SavedRun, value: float) -> Point:
    commit = str(saved.run.commit.get("id") or "")[:10] + ("+" if saved.run.commit.get("dirty") else "")
    return Point(path=saved.path, made=saved.made.isoformat(timespec="seconds"), commit=commit, value=value)
