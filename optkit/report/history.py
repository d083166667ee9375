"""Text of a history: a line and a trend for each series, then the changes, then the files that were not read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any

import numpy as np

from optkit.judge.history import History, Series
from optkit.judge.segments import Change, Segment
from optkit.judge.tolerances import Tolerances
from optkit.report.text import plain_table, render
from optkit.report.words import spoken

_BARS = "▁▂▃▄▅▆▇█"
_TREND_WIDTH = 24


def history_text(history: History, tolerances: Tolerances) -> str:
    """Return `history` as text: environments, series by suite and data, changes that count, files not read."""
    lines = _environments(history.environments)
    for (number, suite, data), series in groupby(history.series, lambda one: (one.environment, one.suite, one.dataset)):
        about = f"{data.name} ({data.train:,} train, {data.test:,} test, sha256 {data.digest[:12]})"
        found = list(series)
        lines += ["", f"{suite} on {about}, environment {number + 1}", _series_table(found, tolerances), *_ways(found)]
    lines += ["", *_changes(history), ""]
    lines += [f"not read: {one.path}: {one.reason}" for one in history.unread]
    return "\n".join([*lines, _legend(history, tolerances)])


def _environments(found: Sequence[dict[str, Any]]) -> list[str]:
    """Return a line an environment: the first whole, of the others what differs from it."""
    lines = []
    for number, one in enumerate(found):
        shown = {name: value for name, value in one.items() if number == 0 or found[0].get(name) != value}
        first = "" if number == 0 else "as 1, but "
        lines.append(f"environment {number + 1}: {first}{', '.join(f'{n} {v}' for n, v in shown.items())}")
    return lines


def _series_table(series: Sequence[Series], tolerances: Tolerances) -> str:
    table = plain_table("series", "metric", "trend", "runs", "first", "newest", "scatter", "changes", left=3)
    table.columns[-1].justify = "left"
    for one in series:
        first, newest = (_figure(one.metric, point.value) for point in (one.points[0], one.points[-1]))
        spread = "-" if one.scatter is None else f"{one.scatter:.1%}"
        unit = {"times the reference": "× reference", "seconds": "seconds"}.get(one.unit, one.metric)
        trend = sparkline([point.value for point in one.points], tolerances.margin)
        table.add_row(one.name, unit, trend, str(len(one.points)), first, newest, spread, _outcome(one))
    return render(table)


def _ways(series: Sequence[Series]) -> list[str]:
    """Return a line for each full set that was not run in one way: how often that changed, and the last time."""
    lines = []
    for one in series:
        changes = [(old, new) for old, new in pairwise(one.points) if old.way != new.way]
        if changes:
            old, new = changes[-1]
            times = f"{len(changes)} times, the last" if len(changes) > 1 else "once,"
            lines.append(
                f"{one.name}: the way of running the set, which a trial chooses, changed {times} at run "
                f"{_file(new.path)} ({new.made[:10]}): from {old.way} to {new.way}"
            )
    return lines


def sparkline(values: Sequence[float], margin: float) -> str:
    """Return `values` as a row of bars, each the median of its part when they are many.

    The height spans their range, but at least four times `margin` of their median: noise must not look like a change.
    """
    parts = np.array_split(np.asarray(values, np.float64), min(len(values), _TREND_WIDTH))
    heights = np.array([np.median(part) for part in parts])
    middle = (heights.max() + heights.min()) / 2
    span = max(float(np.ptp(heights)), 4 * margin * abs(float(np.median(heights))), 1e-300)
    places = np.clip((heights - middle) / span + 0.5, 0, 1) * (len(_BARS) - 1)
    return "".join(_BARS[round(place)] for place in places)


def _figure(metric: str, value: float) -> str:
    return {"accuracy": "{:.4f}", "seconds": "{:.4g}"}.get(metric, "{:,.0f}").format(value)


def _outcome(series: Series) -> str:
    counting = [change for change in series.changes if change.counts]
    smaller = len(series.changes) - len(counting)
    if series.needed is not None and len(series.points) < series.needed:
        return f"too short: {series.needed} runs could show one"
    words = [f"{len(counting)}, newest: {spoken(series.metric, counting[-1].verdict)}"] if counting else ["none"]
    return ", ".join([*words, *([f"{smaller} that do not count"] if smaller else [])])


def _changes(history: History) -> list[str]:
    """Return the changes that count as a table, with the first run after each."""
    table = plain_table("change", "at run", "made", "commit", "before", "after", "change", "p", "", left=4)
    table.columns[-1].justify = "left"
    rows = [(one, change) for one in history.series for change in one.changes if change.counts]
    for one, change in rows:
        at = one.points[change.at]
        name = f"{one.name} ({one.environment + 1})" if len(history.environments) > 1 else one.name
        where = [name, _file(at.path), at.made[:16].replace("T", " "), at.commit or "-"]
        segments = [_segment(one.metric, segment) for segment in (change.before, change.after)]
        p = "-" if change.p is None else f"{change.p:.2g}"
        reason = "; ".join(filter(None, [change.reason, _other_way(one, change)]))
        word = f"{spoken(one.metric, change.verdict)}{f': {reason}' if reason else ''}"
        table.add_row(*where, *segments, _amount(one.metric, change), p, word)
    return [render(table)] if rows else ["no change that counts"]


def _other_way(series: Series, change: Change) -> str:
    """Say that a full set is run in another way from a change on; a change of the way may be all that there is."""
    old, new = series.points[change.at - 1].way, series.points[change.at].way
    return "" if old == new else f"run as {new}, before as {old}"


def _file(path: str) -> str:
    """Return the number that pytest-benchmark begins a file's name with, or the start of the name."""
    name = path.rsplit("/", 1)[-1]
    number = name.split("_")[0]
    return number if number.isdecimal() else name if len(name) <= 24 else f"{name[:23]}…"


def _segment(metric: str, segment: Segment) -> str:
    value = _figure(metric, segment.value)
    if metric != "seconds" or segment.low is None or segment.high is None:
        return value
    return f"{value} [{_figure(metric, segment.low)}, {_figure(metric, segment.high)}]"


def _amount(metric: str, change: Change) -> str:
    return f"{-change.change:+.4f}" if metric == "accuracy" else f"{100 * (change.change - 1):+.2f} %"


def _legend(history: History, tolerances: Tolerances) -> str:
    return (
        f"Counts: a time changed by more than {tolerances.margin:.2%}, accuracy by more than {tolerances.max_drop:.2%} "
        f"of the samples, a size by more than {tolerances.max_growth:.2%}, from the last segment that counted. False "
        f"alarm at most {tolerances.family_alpha:.2%} for all {history.tests} tests together. Intervals: of the "
        "median, 95 %. A change is named by the first run after it."
    )
