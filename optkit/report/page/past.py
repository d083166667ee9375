"""Runs over time: what changed, and when, from a folder of saved runs."""

from __future__ import annotations

from pathlib import Path

from optkit.errors import OptkitError
from optkit.judge.history import History, Series, make_history
from optkit.judge.saved_runs import SavedRun, read_runs
from optkit.judge.tolerances import Tolerances
from optkit.record.run import Run
from optkit.report.history import sparkline
from optkit.report.page.parts import Chart, Head, Section, Table, figure, text
from optkit.report.text import time_text


def past_section(run: Run, name: str, folders: list[Path]) -> Section:
    """Return the series of the run's suite in `folders`; a line when there is none."""
    title = "Over time"
    if not folders:
        return Section("past", title, (), ("No history: give a folder of saved runs beside RUN.json.",))
    tolerances = Tolerances()
    parts: list[Chart | Table] = []
    missing: list[str] = []
    for place, folder in enumerate(folders):
        try:
            found, unread = read_runs(folder)
            own: tuple[SavedRun, ...] = tuple(saved for saved in found if saved.run.suite == run.suite)
            if not own:
                missing.append(f"{folder} has no run of {run.suite}.")
                continue
            history = make_history(own, tolerances)
        except OptkitError as error:
            missing.append(str(error))
            continue
        parts += [_chart(history, f"{name}-past{place}"), _table(history, tolerances)]
        missing += [f"not read: {one.path}: {one.reason}" for one in unread[:20]]
    return Section("past", title, tuple(parts), tuple(missing))


def _chart(history: History, name: str) -> Chart:
    series = [
        {
            "label": f"{one.name}: {one.metric} ({one.unit}), environment {one.environment + 1}",
            "made": [point.made for point in one.points],
            "values": [point.value for point in one.points],
            "changes": [change.at for change in one.changes],
        }
        for one in history.series
    ]
    return Chart(name, "series", {"series": series}, "One figure over time; diamonds mark changes that were located.")


def _table(history: History, tolerances: Tolerances) -> Table:
    heads = ("series", "metric", "environment", "runs", "first", "newest", "trend", "changes")
    rows = tuple(
        (
            text(one.name),
            text(one.metric),
            figure(one.environment + 1, str(one.environment + 1)),
            figure(len(one.points), str(len(one.points))),
            *(figure(point.value, _shown(one, point.value)) for point in (one.points[0], one.points[-1])),
            text(sparkline([point.value for point in one.points], tolerances.margin)),
            text("; ".join(f"{change.verdict} at {one.points[change.at].made[:10]}" for change in one.changes)),
        )
        for one in history.series
    )
    return Table("Series", tuple(Head(head, head in heads[2:6]) for head in heads), rows, folded=len(rows) > 40)


def _shown(series: Series, value: float) -> str:
    if series.unit == "seconds":
        return time_text(value)
    return f"{value:,.0f}" if series.unit in ("bytes", "count") else f"{value:.4g}"
