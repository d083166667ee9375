"""The front of a run: as a picture that needs nothing, and as figures for the chart with axes of choice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from optkit.judge.figures import Figure
from optkit.record.run import Run
from optkit.report.front import Axis, Point
from optkit.report.mermaid import front_mermaid
from optkit.report.notebook import front_of, front_points
from optkit.report.page.parts import Chart, Missing, Picture, Section
from optkit.spec.metrics import METRICS, MODES

_MODE = {"single_sample": "one sample", "single_batch": "one batch", "full_set": "the test set"}


def front_section(
    run: Run, name: str, drops: Mapping[str, Figure], scores: Mapping[str, Figure], memory: Mapping[str, int]
) -> Section:
    """Return the front of zip bytes against the metric (against the first time, without one), and the chart.

    `memory` is what the activations of a variant need, in bytes, where that is known.
    """
    missing = Missing()
    axes = front_axes(run)
    there = dict(_on_targets(run))
    if memory:
        axes.append(_axis("memory", "memory of activations", "bytes", log=True))
    elif not there:
        missing.add("Memory is not an axis: none of the .tflite files is in the store.")
    axes += [axis for axis, _ in there.values()]
    more = {"memory": memory, **{key: values for key, (_, values) in there.items()}}
    picture = _picture(run, name, missing)
    points = [
        {
            "name": variant,
            "kind": run.variants[variant].kind,
            "values": {axis["key"]: _value(run, variant, axis, more) for axis in axes},
            "low": {key: figure.low for key, figure in _intervals(variant, drops, scores)},
            "high": {key: figure.high for key, figure in _intervals(variant, drops, scores)},
        }
        for variant in run.variants
    ]
    about = (
        "Each file as a point: two figures as axes, a third as colour. A name that finds no room is shown when you "
        "point at its file. The table below has the same figures."
    )
    second = "score" if scores else next((axis["key"] for axis in axes if axis["unit"] == "s"), "file_bytes")
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


def _on_targets(run: Run) -> Iterator[tuple[str, tuple[dict[str, Any], dict[str, float]]]]:
    """Yield, for each figure of each target, its key, its axis, and its values by variant."""
    for name in dict.fromkeys(name for facts in run.variants.values() for name in facts.targets):
        for metric, about in METRICS.items():
            values = {
                variant: facts.targets[name].figures[metric]
                for variant, facts in run.variants.items()
                if name in facts.targets and metric in facts.targets[name].figures
            }
            if values:
                key, unit = f"{metric} on {name}", {"seconds": "s", "bytes": "bytes"}.get(about.unit, "")
                log = about.unit in ("bytes", "seconds", "count")
                yield key, (_axis(key, key.replace("_", " "), unit, better=about.better, log=log), values)


def _value(run: Run, variant: str, axis: Mapping[str, Any], more: Mapping[str, Mapping[str, float]]) -> float | None:
    facts, key = run.variants[variant], str(axis["key"])
    if key in more:
        return more[key].get(variant)
    if "/" in key:
        mode, _, threads = key.partition("/")
        timing = run.timing(variant, mode, int(threads))
        return timing.seconds if timing else None
    known = {
        "zip_bytes": facts.artifact.zip_bytes,
        "file_bytes": facts.artifact.file_bytes,
        "drop": facts.drop,
        "score": facts.score,
        "sparsity": facts.weights.sparsity,
    }
    return known[key]


def _intervals(variant: str, drops: Mapping[str, Figure], scores: Mapping[str, Figure]) -> list[tuple[str, Figure]]:
    return [(key, found[variant]) for key, found in (("drop", drops), ("score", scores)) if variant in found]


def _picture(run: Run, name: str, missing: Missing) -> Picture | None:
    """Return the front as an SVG, as a notebook shows it; None when no file has two figures."""
    if all(facts.score is None for facts in run.variants.values()):
        missing.add("Accuracy was not measured, as the data have no labels: the front is of size and time.")
    found = front_points(run)
    if found is None:
        missing.add("No picture of the front: nothing was timed.")
        return None
    x, y, points = found
    about = f"{x.label} against {y.label}: {'; '.join(_told(point, y) for point in points)}"
    title = f"{run.suite}: {y.label} against size"
    return Picture(f"{name}-front", front_of(run), about, front_mermaid(points, x=x, y=y, title=title))


def _told(point: Point, y: Axis) -> str:
    return f"{point.name} {point.x:,.0f} bytes, {point.y:.4g} {y.unit}".rstrip()
