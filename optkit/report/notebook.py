"""A run as a notebook shows it: the summary as an HTML table, and the front as a picture in SVG.

Law: every text is escaped, and colours are the page's own, so that it reads on a light and on a dark one.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from optkit.errors import OptkitError
from optkit.judge.gates import Verdict
from optkit.names import shown
from optkit.record.facts import VariantFacts
from optkit.record.run import Run
from optkit.record.samples import correct_samples
from optkit.report.figures import threads_text
from optkit.report.front import Axis, Point, front_svg
from optkit.report.grid import Column
from optkit.report.summary import file_columns, gate_columns, metric_of, order_of, time_columns
from optkit.spec.metrics import MODES
from optkit.stats.estimates import proportion_interval

_ERROR_RATE = 0.025
"""Of each end of an interval of accuracy: 95 % in all."""
_LOG_FROM = 8.0
"""Sizes that differ by so many times and more stand on a logarithmic scale."""
_UNITS = {"s": 1.0, "ms": 1e3, "µs": 1e6}
_WHAT = {"single_sample": "time of a sample", "single_batch": "time of a batch", "full_set": "time of the test set"}


def run_html(run: Run, verdicts: Sequence[Verdict] = ()) -> str:
    """Return the summary of `run` as HTML: tables, and below them the front, where there is a figure to draw."""
    order = order_of(run)
    files = [*file_columns(run, order), *gate_columns(verdicts, order)]
    threads = sorted({timing.threads for timing in run.timings})
    data = run.dataset
    about = f"{run.suite} on {data.name}: {data.train:,} samples to train with, {data.test:,} to test"
    if len(threads) == 1:
        files = [*files, *time_columns(run, order, threads[0])]
        about = f"{about}; times on {threads_text(threads[0])}"
    parts = [_table(about, order, files)]
    for count in threads if len(threads) > 1 else ():
        timed = [name for name in order if any((t.variant, t.threads) == (name, count) for t in run.benchmarks)]
        parts.append(_table(threads_text(count), timed, time_columns(run, timed, count)))
    return "\n".join(['<div class="optkit-run">', *parts, front_of(run), "</div>"])


def front_of(run: Run) -> str:
    """Return the front of `run` as SVG: zipped size against the metric, else against time; empty without a figure.

    The report page has the same picture.
    """
    found = front_points(run)
    if found is None:
        return ""
    x, y, points = found
    return front_svg(points, x=x, y=y, title=f"{run.suite}: {y.label} against size")


def front_points(run: Run) -> tuple[Axis, Axis, list[Point]] | None:
    """Return the axes of the front of `run` and the points of the files to ship; None without a figure."""
    facts = [one for one in run.variants.values() if one.kind == "tflite"] or list(run.variants.values())
    sizes = [one.artifact.zip_bytes for one in facts]
    x = Axis("zipped size", log=max(sizes) / min(sizes) >= _LOG_FROM, unit="bytes")
    found = _scores(run, facts) or _times(run, facts)
    return (x, *found) if found else None


def _scores(run: Run, facts: Sequence[VariantFacts]) -> tuple[Axis, list[Point]] | None:
    """Return the axis of the metric and a point for each file that has it."""
    points = [
        Point(one.variant, one.artifact.zip_bytes, one.score, *_interval(run, one))
        for one in facts
        if one.score is not None and math.isfinite(one.score)
    ]
    quality = next((one.quality for one in facts if one.quality), None)
    better = quality.scores.better if quality else "higher"
    unit = quality.scores.unit if quality and quality.scores.unit != "fraction" else ""
    return (Axis(metric_of(run), better=better, unit=unit), points) if points else None


def _interval(run: Run, facts: VariantFacts) -> tuple[float | None, float | None]:
    """Return the exact 95 % interval of an accuracy; of another metric none."""
    if facts.accuracy is not None:
        with suppress(OptkitError):
            correct = correct_samples(run, facts.variant)
            return proportion_interval(int(np.sum(correct)), len(correct), _ERROR_RATE)
    return None, None


def _times(run: Run, facts: Sequence[VariantFacts]) -> tuple[Axis, list[Point]] | None:
    """Return the axis of time and a point for each file, in the first mode and on the fewest threads timed."""
    for mode in MODES:
        for threads in sorted({timing.threads for timing in run.timings}):
            timed = [(one, timing) for one in facts if (timing := run.timing(one.variant, mode, threads))]
            if timed:
                slowest = max(timing.seconds for _, timing in timed)
                unit = next(unit for unit in ("s", "ms", "µs") if slowest * _UNITS[unit] >= 1 or unit == "µs")
                found = [
                    Point(one.variant, one.artifact.zip_bytes, timing.seconds * _UNITS[unit]) for one, timing in timed
                ]
                return Axis(_WHAT[mode], unit=unit), found
    return None


def _table(caption: str, names: Sequence[str], columns: Sequence[Column]) -> str:
    right = ' style="text-align:right"'
    heads = "".join(f'<th scope="col"{right}>{_text(column.head)}</th>' for column in columns)
    rows = []
    for i, name in enumerate(names):
        cells = "".join(f"<td{right}>{_text(column.cells[i])}</td>" for column in columns)
        rows.append(f'<tr><th scope="row" style="text-align:left">{_text(name)}</th>{cells}</tr>')
    return (
        f'<table><caption style="text-align:left">{_text(caption)}</caption>'
        f'<thead><tr><th scope="col" style="text-align:left">variant</th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _text(text: str) -> str:
    return html.escape(shown(text.strip()))
