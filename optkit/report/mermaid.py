"""The front as a Mermaid diagram, for a job summary: GitHub draws it as an SVG, and shows neither data: URIs nor <svg>.

Law: a pure function of its points. A text from a run is quoted and holds no character that Mermaid or Markdown reads.
Source of the grammar: https://mermaid.js.org/syntax/quadrantChart.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from optkit.report.axes import number, scale_of
from optkit.report.escape import code
from optkit.report.front import Axis, Point, on_front
from optkit.report.places import Box, shortened, text_width

_WIDTH, _HEIGHT, _FONT, _LONGEST_NAME = 680, 460, 12, 24
_SETTINGS = {
    "chartWidth": _WIDTH,
    "chartHeight": _HEIGHT,
    "pointLabelFontSize": _FONT,
    "xAxisLabelFontSize": _FONT,
    "yAxisLabelFontSize": _FONT,
}
_CORNERS = {("higher", "higher"): 1, ("lower", "higher"): 2, ("lower", "lower"): 3, ("higher", "lower"): 4}
"""The quadrant where both figures are better: 1 is top right, and so on against the clock."""
_ON, _OFF = "radius: 6, color: #0a7cc4", "radius: 4, color: #808080"
_READ = re.compile(r"[^\w .,:()/+×µ≤≥=-]|-(?=-)")
"""What may mean something to Mermaid or to Markdown."""


def front_mermaid(points: Sequence[Point], *, x: Axis, y: Axis, title: str) -> str:
    """Return the Markdown of a diagram of `points`; those on the front are larger and blue.

    A name that would cover another is left out, and is told in a line below the diagram. Raises ValueError when
    there is no point, or one on a logarithmic axis is not above 0.
    """
    if not points:
        raise ValueError("there is no point; expected one at least")
    across = scale_of([point.x for point in points], log=x.log, start=0.0, end=1.0)
    upwards = scale_of([point.y for point in points], log=y.log, start=0.0, end=1.0)
    best = on_front(points, x, y)
    order = [*best, *(i for i in range(len(points)) if i not in best)]
    named = _named([(points[i].name, across(points[i].x), upwards(points[i].y)) for i in order])
    lines = [
        "```mermaid",
        f"%%{{init: {json.dumps({'quadrantChart': _SETTINGS})}}}%%",
        "quadrantChart",
        f"title {_safe(title)}",
        f"x-axis {_ends([point.x for point in points], x)}",
        f"y-axis {_ends([point.y for point in points], y)}",
        f"quadrant-{_CORNERS[x.better, y.better]} better in both",
    ]
    for i, name in zip(order, named, strict=True):
        place = f"[{across(points[i].x):.3f}, {upwards(points[i].y):.3f}]"
        lines.append(f'"{name or " "}": {place} {_ON if i in best else _OFF}')
    left_out = [code(points[i].name) for i, name in zip(order, named, strict=True) if not name]
    return "\n".join([*lines, "```", *(["", f"Points without a name: {', '.join(left_out)}"] if left_out else [])])


def _safe(text: str) -> str:
    """Return `text` without what Mermaid or Markdown reads; `-` when nothing is left."""
    return " ".join(_READ.sub(" ", text).split()) or "-"


def _ends(figures: Sequence[float], axis: Axis) -> str:
    low, high = (f"{number(end)} {axis.unit}".rstrip() for end in (min(figures), max(figures)))
    first = _safe(f"{axis.label}: {low}")
    return f'"{first}"' if low == high else f'"{first}" --> "{_safe(high)}"'


def _named(points: Sequence[tuple[str, float, float]]) -> list[str]:
    """Return the text below each point (name, place of 0 to 1): empty where it would cover that of an earlier one."""
    taken: list[Box] = []
    found = []
    for name, across, upwards in points:
        text = _safe(shortened(name, _LONGEST_NAME))
        left, top = across * _WIDTH, (1 - upwards) * _HEIGHT
        half = text_width(text, _FONT) / 2
        box = Box(left - half, top + 4, left + half, top + 6 + _FONT)
        covers = any(box.meets(other) for other in taken)
        taken += [] if covers else [box]
        found.append("" if covers else text)
    return found
