"""docs/front.svg: size against accuracy of the variants of a saved run, and those that no other one beats in both."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from optkit.record.run import Run, read_run

RUN = Path("docs/results/runs/cifar10_vgg16_quarter.json")
LEAST = 0.5
"""Variants that are less accurate are left out of the picture, and said to be."""
_WIDTH, _HEIGHT = 760, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 40, 20, 80
_STYLE = """
    .card { fill: #ffffff; stroke: #d0d7de } .text { fill: #1f2328; font: 13px sans-serif }
    .small { fill: #59636e; font: 12px sans-serif } .grid { stroke: #d0d7de; stroke-width: 1 }
    .front { stroke: #0969da; stroke-width: 2; fill: none } .best { fill: #0969da } .other { fill: #9198a1 }
    @media (prefers-color-scheme: dark) {
      .card { fill: #0d1117; stroke: #3d444d } .text { fill: #f0f6fc } .small { fill: #9198a1 }
      .grid { stroke: #3d444d } .front { stroke: #4493f8 } .best { fill: #4493f8 } .other { fill: #656c76 }
    }"""

Scale = Callable[[float], float]
"""From a figure to its place in the picture."""


@dataclass(frozen=True)
class Point:
    """A variant: bytes of its file in a ZIP, its accuracy, and the median time of a call with one sample, in s."""

    name: str
    zip_bytes: int
    accuracy: float
    seconds: float | None


def points(run: Run) -> tuple[list[Point], list[str]]:
    """Return the .tflite variants of a run, and the names of those below `LEAST`, which are not drawn."""
    kept, low = [], []
    for name, facts in run.variants.items():
        if facts.kind != "tflite" or facts.accuracy is None:
            continue
        timing = run.timing(name, "single_sample", 1)
        point = Point(name, facts.artifact.zip_bytes, facts.accuracy, timing.seconds if timing else None)
        if facts.accuracy >= LEAST:
            kept.append(point)
        else:
            low.append(name)
    return sorted(kept, key=lambda point: point.zip_bytes), low


def front(found: Sequence[Point]) -> list[Point]:
    """Return the points that no other one beats: none is smaller and at least as accurate. Smallest first."""
    best: list[Point] = []
    for point in sorted(found, key=lambda point: (point.zip_bytes, -point.accuracy)):
        if not best or point.accuracy > best[-1].accuracy:
            best.append(point)
    return best


def svg(path: Path = RUN) -> str:
    """Return the picture of the run saved in `path`."""
    run = read_run(path)
    found, low = points(run)
    best = front(found)
    x, y = _scales(found)
    steps = " ".join(f"{x(one.zip_bytes):.1f},{y(one.accuracy):.1f}" for one in _stairs(best))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{html.escape(_about(run, best))}">',
        f"  <style>{_STYLE}\n  </style>",
        f'  <rect class="card" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{_HEIGHT - 1}" rx="8"/>',
        *_axes(found, x, y),
        f'  <polyline class="front" points="{steps}"/>',
        *(_dot(one, x, y, one in best) for one in found),
        *(
            f'  <text class="small" x="{_LEFT}" y="{_HEIGHT - 32 + 18 * i}">{html.escape(line)}</text>'
            for i, line in enumerate(_foot(run, low))
        ),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _stairs(best: Sequence[Point]) -> list[Point]:
    """Return the corners of the front: to the right at the accuracy so far, then up."""
    corners = [best[0]]
    for before, after in itertools.pairwise(best):
        corners += [Point("", after.zip_bytes, before.accuracy, None), after]
    return corners


def _scales(found: Sequence[Point]) -> tuple[Scale, Scale]:
    """Return the scales of bytes (logarithmic, to the right) and of accuracy (upwards)."""
    sizes = [math.log10(one.zip_bytes) for one in found]
    low, high = min(sizes) - 0.1, max(sizes) + 0.1
    worst, top = _ends(found)

    def x(size: float) -> float:
        return _LEFT + (math.log10(size) - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def y(accuracy: float) -> float:
        return _TOP + (top - accuracy) / (top - worst) * (_HEIGHT - _TOP - _BOTTOM)

    return x, y


def _ends(found: Sequence[Point]) -> tuple[float, float]:
    """Return the accuracies at the ends of the axis, hundredths beyond the worst and the best."""
    worst, top = (f(one.accuracy for one in found) for f in (min, max))
    return math.floor(worst * 100 - 0.5) / 100, math.ceil(top * 100 + 0.5) / 100


def _axes(found: Sequence[Point], x: Scale, y: Scale) -> list[str]:
    worst, top = _ends(found)
    base = _HEIGHT - _BOTTOM
    lines = []
    for i in range(round((top - worst) * 100) + 1):
        at = worst + i / 100
        lines.append(f'  <line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(at):.1f}" y2="{y(at):.1f}"/>')
        lines.append(f'  <text class="small" x="{_LEFT - 8}" y="{y(at) + 4:.1f}" text-anchor="end">{at:.2f}</text>')
    sizes = [one.zip_bytes for one in found]
    for size in (k * 10**power for power in range(3, 9) for k in (1, 2, 5)):
        if min(sizes) <= size <= max(sizes):
            label = f"{size / 1e6:g} MB" if size >= 1e6 else f"{size / 1e3:g} kB"
            lines.append(f'  <line class="grid" x1="{x(size):.1f}" x2="{x(size):.1f}" y1="{base}" y2="{base + 5}"/>')
            lines.append(f'  <text class="small" x="{x(size):.1f}" y="{base + 20}" text-anchor="middle">{label}</text>')
    return lines


def _dot(one: Point, x: Scale, y: Scale, best: bool) -> str:
    time = f", {one.seconds * 1e6:,.0f} µs" if one.seconds else ""
    at_x, at_y = x(one.zip_bytes), y(one.accuracy)
    side = -1 if at_x > _WIDTH - 230 else 1  # where there is room for the name
    return (
        f'  <circle class="{"best" if best else "other"}" cx="{at_x:.1f}" cy="{at_y:.1f}" r="6"/>'
        f'<text class="{"text" if best else "small"}" x="{at_x + 10 * side:.1f}" y="{at_y - 7:.1f}" '
        f'text-anchor="{"start" if side > 0 else "end"}">{html.escape(one.name)}{time}</text>'
    )


def _about(run: Run, best: Sequence[Point]) -> str:
    return f"Size and accuracy of the variants of {run.suite}. On the front: {', '.join(one.name for one in best)}"


def _foot(run: Run, low: Sequence[str]) -> list[str]:
    lines = [f"Accuracy against bytes in a ZIP; time of one sample, one thread, {run.machine}."]
    names = ", ".join(low)
    return [*lines, f"Not shown, below {LEAST:g}: {names}."] if low else lines
