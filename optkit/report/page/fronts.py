"""The front of a run: as a picture that needs nothing, and as figures for the chart with axes of choice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from optkit.judge.figures import Figure
from optkit.record.run import Run
from optkit.report.front import Axis, Point, front_svg
from optkit.report.mermaid import front_mermaid
from optkit.report.page.parts import Chart, Missing, Picture, Section
from optkit.report.text import time_text
from optkit.spec.metrics import MODES

_MODE = {"single_sample": "one sample", "single_batch": "one batch", "full_set": "the test set"}


def front_section(
    run: Run, name: str, drops: Mapping[str, Figure], scores: Mapping[str, Figure], memory: Mapping[str, int]
) -> Section:
    """Return the front of zip bytes against drop (against the first time, without one), and the chart.

    `memory` is what the activations of a variant need, in bytes, where that is known.
    """
    missing = Missing()
    axes = front_axes(run)
    if memory:
        axes.append(_axis("memory", "memory of activations", "bytes", log=True))
    else:
        missing.add("Memory is not an axis: none of the .tflite files is in the store.")
    picture = _picture(run, name, drops, missing)
    points = [
        {
            "name": variant,
            "kind": run.variants[variant].kind,
            "values": {axis["key"]: _value(run, variant, axis, memory) for axis in axes},
            "low": {key: figure.low for key, figure in _intervals(variant, drops, scores)},
            "high": {key: figure.high for key, figure in _intervals(variant, drops, scores)},
        }
        for variant in run.variants
    ]
    about = (
        "Each file as a point: two figures as axes, a third as colour. A name that finds no room is shown when you "
        "point at its file. The table below has the same figures."
    )
    second = "drop" if drops else next((axis["key"] for axis in axes if axis["unit"] == "s"), "file_bytes")
    data = {"axes": axes, "points": points, "x": "zip_bytes", "y": second}
    chart = Chart(f"{name}-front", "front", data, about, picture)
    return Section("front", "The front", (chart,), tuple(missing.lines))


def front_axes(run: Run) -> list[dict[str, Any]]:
    """Return the figures that can be axes: key, label, unit, better direction, and whether the scale is logarithmic."""
    found = [
        _axis("zip_bytes", "size, zipped", "bytes", log=True),
        _axis("file_bytes", "size of the file", "bytes", log=True),
    ]
    quality = next((facts.quality for facts in run.variants.values() if facts.quality), None)
    if any(facts.drop is not None for facts in run.variants.values()):
        metric = quality.scores.metric if quality else "accuracy"
        better = quality.scores.better if quality else "higher"
        found += [_axis("drop", f"drop of {metric}", ""), _axis("score", metric, "", better=better)]
    for mode in MODES:
        for threads in sorted({timing.threads for timing in run.benchmarks if timing.mode == mode}):
            label = f"time of {_MODE[mode]}, {threads} thread{'s' if threads > 1 else ''}"
            found.append(_axis(f"{mode}/{threads}", label, "s", log=True))
    found.append(_axis("sparsity", "zeros, least of any weight tensor", "", better="higher"))
    return found


def _axis(key: str, label: str, unit: str, *, better: str = "lower", log: bool = False) -> dict[str, Any]:
    return {"key": key, "label": label, "unit": unit, "better": better, "log": log}


def _value(run: Run, variant: str, axis: Mapping[str, Any], memory: Mapping[str, int]) -> float | None:
    facts, key = run.variants[variant], str(axis["key"])
    if "/" in key:
        mode, _, threads = key.partition("/")
        timing = run.timing(variant, mode, int(threads))
        return timing.seconds if timing else None
    known = {
        "memory": memory.get(variant),
        "zip_bytes": facts.artifact.zip_bytes,
        "file_bytes": facts.artifact.file_bytes,
        "drop": facts.drop,
        "score": facts.score,
        "sparsity": facts.weights.sparsity,
    }
    return known[key]


def _intervals(variant: str, drops: Mapping[str, Figure], scores: Mapping[str, Figure]) -> list[tuple[str, Figure]]:
    return [(key, found[variant]) for key, found in (("drop", drops), ("score", scores)) if variant in found]


def _picture(run: Run, name: str, drops: Mapping[str, Figure], missing: Missing) -> Picture | None:
    """Return the front as an SVG; None when no file has two figures."""
    x = Axis("size, zipped", log=True, better="lower", unit="bytes")
    if drops:
        facts = next(iter(run.variants.values()))
        unit = facts.quality.scores.unit if facts.quality else ""
        y = Axis("drop from the baseline", better="lower", unit="" if unit == "fraction" else unit)
        points = [
            Point(one, run.variants[one].artifact.zip_bytes, found.value, found.low, found.high)
            for one, found in drops.items()
            if math.isfinite(found.value)
        ]
        return _drawn(run, name, points, x, y)
    missing.add("Accuracy was not measured, as the data have no labels: the front is of size and time.")
    first = next(iter(run.benchmarks), None)
    if first is None:
        missing.add("No picture of the front: nothing was timed.")
        return None
    label = f"time of {_MODE[first.mode]}, {first.threads} thread{'s' if first.threads > 1 else ''}"
    times = {one: run.timing(one, first.mode, first.threads) for one in run.variants}
    points = [
        Point(one, run.variants[one].artifact.zip_bytes, timing.seconds * 1e6)
        for one, timing in times.items()
        if timing
    ]
    return _drawn(run, name, points, x, Axis(label, log=True, better="lower", unit="µs"))


def _drawn(run: Run, name: str, points: list[Point], x: Axis, y: Axis) -> Picture:
    title = f"{run.suite}: {x.label} against {y.label}"
    svg = front_svg(points, x=x, y=y, title=title, width=720, height=440)
    about = f"{x.label} against {y.label}: {'; '.join(_told(point, y) for point in points)}"
    return Picture(f"{name}-front", svg, about, front_mermaid(points, x=x, y=y, title=title))


def _told(point: Point, y: Axis) -> str:
    figure = time_text(point.y / 1e6) if y.unit == "µs" else f"{point.y:.4g}"
    return f"{point.name} {point.x:,.0f} bytes, {figure}"
