"""Text of a history: a line and a trend for each series, then the changes, then the files that were not read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any

import numpy as np

from optkit.judge.history import History, Series
from optkit.judge.segments import Change
from optkit.judge.tolerances import Tolerances
from optkit.report import terminal
from optkit.report.figures import time_text
from optkit.report.grid import Column, grid
from optkit.report.terminal import paragraph
from optkit.report.words import spoken

_BARS = "▁▂▃▄▅▆▇█"
_TREND_WIDTH, _NARROW_TREND = 24, 12


def history_text(history: History, tolerances: Tolerances, *, width: int | None = None) -> str:
    """Return `history` as text: environments, series by suite and data, changes that count, files not read."""
    columns = width or terminal.width()
    lines = _fitted(_environments(history.environments), columns)
    for (number, suite, data), series in groupby(history.series, lambda one: (one.environment, one.suite, one.dataset)):
        about = f"{data.name} ({data.train:,} train, {data.test:,} test, sha256 {data.digest[:12]})"
        found = list(series)
        lines += ["", *_fitted([f"{suite} on {about}, environment {number + 1}"], columns)]
        lines += [_series_table(found, tolerances, columns), *_fitted(_ways(found), columns)]
    unread = [f"not read: {one.path}: {one.reason}" for one in history.unread]
    lines += ["", _changes(history, columns), "", *_fitted([*unread, _legend(history, tolerances)], columns)]
    return "\n".join(lines)


def _fitted(lines: Sequence[str], width: int) -> list[str]:
    return [part for line in lines for part in paragraph(line, width)]


def _environments(found: Sequence[dict[str, Any]]) -> list[str]:
    """Return a line an environment: the first whole, of the others what differs from it."""
    lines = []
    for number, one in enumerate(found):
        shown = {name: value for name, value in one.items() if number == 0 or found[0].get(name) != value}
        first = "" if number == 0 else "as 1, but "
        lines.append(f"environment {number + 1}: {first}{', '.join(f'{n} {v}' for n, v in shown.items())}")
    return lines


def _series_table(series: Sequence[Series], tolerances: Tolerances, width: int) -> str:
    units = [{"times the reference": "× reference", "seconds": "seconds"}.get(one.unit, one.metric) for one in series]
    bars = _TREND_WIDTH if width >= 100 else _NARROW_TREND
    trends = [sparkline([point.value for point in one.points], tolerances.margin, bars) for one in series]
    columns = [
        Column("metric", units, left=True),
        Column("trend", trends, left=True),
        Column("runs", [str(len(one.points)) for one in series], fold=True),
        Column("first", [_figure(one, one.points[0].value) for one in series]),
        Column("newest", [_figure(one, one.points[-1].value) for one in series]),
        Column("scatter", ["-" if one.scatter is None else f"{one.scatter:.1%}" for one in series]),
        Column("changes", [_outcome(one) for one in series], fold=True, words=True),
    ]
    return grid(Column("series", [one.name for one in series], left=True), columns, width, stack=True).text


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


def sparkline(values: Sequence[float], margin: float, width: int = _TREND_WIDTH) -> str:
    """Return `values` as a row of at most `width` bars, each the median of its part when they are many.

    The height spans their range, but at least four times `margin` of their median: noise must not look like a change.
    """
    parts = np.array_split(np.asarray(values, np.float64), min(len(values), width))
    heights = np.array([np.median(part) for part in parts])
    middle = (heights.max() + heights.min()) / 2
    span = max(float(np.ptp(heights)), 4 * margin * abs(float(np.median(heights))), 1e-300)
    places = np.clip((heights - middle) / span + 0.5, 0, 1) * (len(_BARS) - 1)
    return "".join(_BARS[round(place)] for place in places)


def _figure(series: Series, value: float) -> str:
    if series.unit == "seconds":
        return time_text(value)
    if series.unit == "fraction":
        return f"{value:.4f}"
    return ("{:.4g}" if series.metric == "seconds" else "{:,.0f}").format(value)


def _outcome(series: Series) -> str:
    counting = [change for change in series.changes if change.counts]
    smaller = len(series.changes) - len(counting)
    if series.needed is not None and len(series.points) < series.needed:
        return f"too short: {series.needed} runs could show one"
    words = [f"{len(counting)}, newest: {spoken(series.metric, counting[-1].verdict)}"] if counting else ["none"]
    return ", ".join([*words, *([f"{smaller} that do not count"] if smaller else [])])


def _changes(history: History, width: int) -> str:
    """Return the changes that count as a table, with the first run after each."""
    rows = [(one, change) for one in history.series for change in one.changes if change.counts]
    if not rows:
        return "no change that counts"
    many = len(history.environments) > 1
    after = [one.points[change.at] for one, change in rows]
    columns = [
        Column("at run", [_file(point.path) for point in after], left=True),
        Column("made", [point.made[:16].replace("T", " ") for point in after], left=True),
        Column("commit", [point.commit or "-" for point in after], left=True),
        Column("before", [_figure(one, change.before.value) for one, change in rows]),
        Column("after", [_figure(one, change.after.value) for one, change in rows]),
        Column("change", [_amount(one.metric, change) for one, change in rows]),
        Column("", [_change_words(one, change) for one, change in rows], words=True),
    ]
    names = [f"{one.name} ({one.environment + 1})" if many else one.name for one, _ in rows]
    return grid(Column("change", names, left=True), columns, width, stack=True).text


def _change_words(series: Series, change: Change) -> str:
    """Return what a change was, and why that is known: the reason, p, and the intervals of the two segments."""
    p = "" if change.p is None else f"p {change.p:.2g}"
    reason = "; ".join(filter(None, [change.reason, _other_way(series, change), p, _intervals(series, change)]))
    return f"{spoken(series.metric, change.verdict)}{f': {reason}' if reason else ''}"


def _other_way(series: Series, change: Change) -> str:
    """Say that a full set is run in another way from a change on; a change of the way may be all that there is."""
    old, new = series.points[change.at - 1].way, series.points[change.at].way
    return "" if old == new else f"run as {new}, before as {old}"


def _file(path: str) -> str:
    """Return the number that pytest-benchmark begins a file's name with, or the start of the name."""
    name = path.rsplit("/", 1)[-1]
    number = name.split("_")[0]
    return number if number.isdecimal() else name if len(name) <= 24 else f"{name[:23]}…"


def _intervals(series: Series, change: Change) -> str:
    """Return the intervals of a time before and after; empty where there is none."""
    ends = (change.before.low, change.before.high, change.after.low, change.after.high)
    if series.metric != "seconds" or None in ends:
        return ""
    shown = [_figure(series, end) for end in ends if end is not None]
    return f"{shown[0]} to {shown[1]} before, {shown[2]} to {shown[3]} after"


def _amount(metric: str, change: Change) -> str:
    return f"{-change.change:+.4f}" if metric == "accuracy" else f"{100 * (change.change - 1):+.2f} %"


def _legend(history: History, tolerances: Tolerances) -> str:
    return (
        f"Counts: a time changed by more than {tolerances.margin:.2%}, accuracy by more than {tolerances.max_drop:.2%} "
        f"of the samples, a size by more than {tolerances.max_growth:.2%}, from the last segment that counted. False "
        f"alarm at most {tolerances.family_alpha:.2%} for all {history.tests} tests together. Intervals: of the "
        "median, 95 %. A change is named by the first run after it."
    )
