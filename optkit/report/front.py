"""The front of a set of files as a picture: one figure against another, as the text of an SVG.

Law: a pure function of its points. Every text is escaped, nothing is said by colour alone, and the picture reads on a
light and on a dark page: its lines and texts have the page's own colour.
"""

from __future__ import annotations

import hashlib
import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from optkit.names import shown
from optkit.report.axes import Scale, number, scale_of
from optkit.report.places import FONT_SIZE, Box, Label, placed, shortened, text_width

_ON, _OFF = "#0a7cc4", "#808080"
"""A blue and a grey that stand out by 3 to 1 and more on white and on black, and differ for every kind of sight."""
_RADIUS = 5.0
_LONGEST_NAME = 30
_KEY_LINE = 16.0
_STYLE = (
    "svg:root.optkit-front{color:#1f2328}"
    "@media (prefers-color-scheme:dark){svg:root.optkit-front{color:#e6edf3}}"  # by itself; within a page it inherits
)


@dataclass(frozen=True)
class Point:
    """A file: its name, its figures, and the ends of the interval of `y` where it has one."""

    name: str
    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Axis:
    """What a figure is: label, whether its scale is logarithmic, which direction is better, and its unit."""

    label: str
    log: bool = False
    better: Literal["lower", "higher"] = "lower"
    unit: str = ""


@dataclass(frozen=True)
class _Picture:
    """What every part of the drawing needs."""

    points: Sequence[Point]
    on_front: frozenset[int]
    x: Scale
    y: Scale
    area: Box

    def at(self, point: Point) -> tuple[float, float]:
        return self.x(point.x), self.y(point.y)


def on_front(points: Sequence[Point], x: Axis, y: Axis) -> list[int]:
    """Return the numbers of the points that no other beats: as good in both figures and better in one."""
    signs = [1.0 if axis.better == "lower" else -1.0 for axis in (x, y)]
    worse = [(signs[0] * point.x, signs[1] * point.y) for point in points]
    return [
        i
        for i, (own_x, own_y) in enumerate(worse)
        if not any(a <= own_x and b <= own_y and (a, b) != (own_x, own_y) for a, b in worse)
    ]


def front_svg(points: Sequence[Point], *, x: Axis, y: Axis, title: str, width: int = 720, height: int = 440) -> str:
    """Return the text of an SVG: the points, their intervals and names, and a line along the front.

    `width` and `height` are in pixels; names that find no place become numbers, with a key that adds to the height.
    Those on the front are filled, the others are rings. Raises ValueError when there is no point, when a figure is
    not finite, or when one on a logarithmic axis is not above 0.
    """
    _check(points, x, y)
    ends = [end for p in points for end in (p.low, p.high) if end is not None and (end > 0 or not y.log)]
    y_scale = scale_of([*(p.y for p in points), *ends], log=y.log, start=height - 52.0, end=58.0)
    left = 40.0 + max((text_width(tick.text, 11) for tick in y_scale.ticks), default=0.0)
    x_scale = scale_of([p.x for p in points], log=x.log, start=left, end=width - 18.0)
    area = Box(left, 58.0, width - 18.0, height - 52.0)
    picture = _Picture(points, frozenset(on_front(points, x, y)), x_scale, y_scale, area)
    labels, key = _labels(picture)
    key_lines = _key_lines(key, width - 2 * 16.0)
    total = height + (8 + _KEY_LINE * len(key_lines) if key_lines else 0)
    said = _description(picture, x, y)
    mark = hashlib.sha256(f"{title}{said}{width}{height}".encode("utf-8", "replace")).hexdigest()[:8]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="optkit-front" role="img" viewBox="0 0 {width} {total:g}" '
        f'width="{width}" height="{total:g}" style="max-width:100%;height:auto" '
        f'aria-labelledby="front-{mark} about-{mark}" font-size="{FONT_SIZE:g}" fill="currentColor" '
        "font-family=\"system-ui, -apple-system, 'Segoe UI', sans-serif\">",
        f'<title id="front-{mark}">{_text(title)}</title>',
        f'<desc id="about-{mark}">{_text(said)}</desc>',
        f"<style>{_STYLE}</style>",
        *_frame(picture, x, y, title, width, height),
        *_front_line(picture, x),
        *_marks(picture, x, y),
        *labels,
        *_key(key_lines, height),
        "</svg>",
    ]
    return "\n".join(parts)


def _check(points: Sequence[Point], x: Axis, y: Axis) -> None:
    if not points:
        raise ValueError("there is no point; expected one at least")
    for point in points:
        given = [point.x, point.y, *(end for end in (point.low, point.high) if end is not None)]
        if not all(math.isfinite(figure) and abs(figure) < 1e300 for figure in given):
            raise ValueError(f"{point.name!r} has the figures {given}; expected finite ones")
        for axis, figure in ((x, point.x), (y, point.y)):
            if axis.log and figure <= 0:
                raise ValueError(f"{point.name!r} has {figure:g} on a logarithmic axis; expected more than 0")


def _text(text: str) -> str:
    return html.escape(shown(text))


def _frame(picture: _Picture, x: Axis, y: Axis, title: str, width: int, height: int) -> Iterator[str]:
    """Yield title, legend, grid, ticks and the names of the axes."""
    area = picture.area
    most = max(8, int((width - 32) / (1.2 * FONT_SIZE * 0.62)))
    head = _text(shortened(shown(title), most))
    yield f'<text x="16" y="22" font-size="{1.2 * FONT_SIZE:g}" font-weight="600">{head}</text>'
    yield from _legend(picture)
    used = 0.0
    for tick in picture.x.ticks:
        yield _line(tick.at, area.top, tick.at, area.bottom, 'stroke="currentColor" stroke-opacity="0.15"')
        half = text_width(tick.text, 11) / 2
        if tick.at - half > used and tick.at + half < width:
            used = tick.at + half
            place = f'x="{tick.at:.1f}" y="{area.bottom + 17:.1f}"'
            yield f'<text {place} font-size="11" text-anchor="middle">{tick.text}</text>'
    for tick in picture.y.ticks:
        yield _line(area.left, tick.at, area.right, tick.at, 'stroke="currentColor" stroke-opacity="0.15"')
        place = f'x="{area.left - 6:.1f}" y="{tick.at + 4:.1f}"'
        yield f'<text {place} font-size="11" text-anchor="end">{tick.text}</text>'
    yield _line(area.left, area.bottom, area.right, area.bottom, 'stroke="currentColor" stroke-opacity="0.6"')
    yield _line(area.left, area.top, area.left, area.bottom, 'stroke="currentColor" stroke-opacity="0.6"')
    middle = (area.left + area.right) / 2
    yield f'<text x="{middle:.1f}" y="{height - 12}" text-anchor="middle">{_text(_axis_text(x))}</text>'
    middle = (area.top + area.bottom) / 2
    yield (
        f'<text x="16" y="{middle:.1f}" text-anchor="middle" transform="rotate(-90 16 {middle:.1f})">'
        f"{_text(_axis_text(y))}</text>"
    )


def _legend(picture: _Picture) -> Iterator[str]:
    """Yield what a disk and a ring stand for."""
    disk, ring = f'fill="{_ON}"', f'fill="none" stroke="{_OFF}" stroke-width="2"'
    at = 22.0
    for look, what in ((disk, "the front: no other file beats it"), (ring, "the others")):
        if look == disk or len(picture.on_front) < len(picture.points):
            yield f'<circle cx="{at:g}" cy="40" r="{_RADIUS:g}" {look}/>'
            yield f'<text x="{at + 11:g}" y="44" font-size="11">{what}</text>'
            at += 27 + text_width(what, 11)


def _axis_text(axis: Axis) -> str:
    unit = f" ({axis.unit})" if axis.unit else ""
    return f"{axis.label}{unit}, {axis.better} is better"


def _line(x1: float, y1: float, x2: float, y2: float, look: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {look}/>'


def _steps(picture: _Picture, *, better_left: bool) -> list[tuple[float, float]]:
    """Return the corners of the front: from the best in x on, each figure of y holds until a better one is reached."""
    found = sorted((picture.at(picture.points[i]) for i in picture.on_front), reverse=not better_left)
    corners = found[:1]
    for before, after in pairwise(found):
        corners += [(after[0], before[1]), after]
    return corners


def _front_line(picture: _Picture, x: Axis) -> Iterator[str]:
    corners = _steps(picture, better_left=x.better == "lower")
    if len(corners) > 1:
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)
        yield f'<polyline points="{path}" fill="none" stroke="{_ON}" stroke-width="1.5" stroke-dasharray="5 3"/>'


def _marks(picture: _Picture, x: Axis, y: Axis) -> Iterator[str]:
    order = sorted(range(len(picture.points)), key=lambda i: i in picture.on_front)  # those on the front on top
    for i in order:
        point = picture.points[i]
        (cx, cy), on = picture.at(point), i in picture.on_front
        about = f"{point.name}: {_figures(point, x, y)}"
        colour = _ON if on else _OFF
        fill = f'fill="{_ON}"' if on else f'fill="none" stroke="{_OFF}" stroke-width="2"'
        bars = "".join(_line(*ends, f'stroke="{colour}" stroke-width="1.5"') for ends in _interval(picture, point))
        yield f'<g><title>{_text(about)}</title>{bars}<circle cx="{cx:.1f}" cy="{cy:.1f}" r="{_RADIUS:g}" {fill}/></g>'


def _interval(picture: _Picture, point: Point) -> Iterator[tuple[float, float, float, float]]:
    """Yield the bar of the interval of `point` and its two ends."""
    if point.low is None or point.high is None or (picture.y.log and point.low <= 0):
        return
    cx = picture.x(point.x)
    low, high = picture.y(point.low), picture.y(point.high)
    yield cx, low, cx, high
    for end in (low, high):
        yield cx - 4, end, cx + 4, end


def _labels(picture: _Picture) -> tuple[list[str], list[str]]:
    """Return the labels as SVG, and the key of those that are numbers."""
    marks = [_around(*picture.at(point), _RADIUS + 1) for point in picture.points]
    bars = [next(iter(_interval(picture, point)), None) for point in picture.points]
    lines = [Box(a - 2, min(b, d), c + 2, max(b, d)) for bar in bars if bar for a, b, c, d in [bar]]
    order = sorted(range(len(picture.points)), key=lambda i: i not in picture.on_front)
    found: list[str] = []
    key: list[str] = []
    for i in order:
        point = picture.points[i]
        name = shown(point.name)
        label = placed(shortened(name, _LONGEST_NAME), picture.at(point), marks, lines, picture.area)
        if label is None:
            key.append(f"{len(key) + 1} {name}")
            label = placed(str(len(key)), picture.at(point), marks, lines, picture.area)
        if label:
            marks.append(label.box)
            found.append(_label_svg(label, picture.at(point)))
    return found, key


def _around(x: float, y: float, by: float) -> Box:
    return Box(x - by, y - by, x + by, y + by)


def _label_svg(label: Label, at: tuple[float, float]) -> str:
    text = f'<text x="{label.x:.1f}" y="{label.y:.1f}" text-anchor="{label.anchor}">{_text(label.text)}</text>'
    if not label.far:
        return text
    near_x = min(max(at[0], label.box.left), label.box.right)
    near_y = min(max(at[1], label.box.top), label.box.bottom)
    return _line(*at, near_x, near_y, 'stroke="currentColor" stroke-opacity="0.4"') + text


def _key_lines(key: Sequence[str], width: float) -> list[str]:
    lines: list[str] = []
    for entry in key:
        joined = f"{lines[-1]}, {entry}" if lines else entry
        if lines and text_width(joined, 11) <= width:
            lines[-1] = joined
        else:
            lines.append(entry)
    return lines


def _key(lines: Sequence[str], top: float) -> Iterator[str]:
    for i, line in enumerate(lines):
        yield f'<text x="16" y="{top + 8 + _KEY_LINE * i:g}" font-size="11">{_text(line)}</text>'


def _figures(point: Point, x: Axis, y: Axis) -> str:
    parts = [f"{axis.label} {number(figure)} {axis.unit}".rstrip() for axis, figure in ((x, point.x), (y, point.y))]
    if point.low is not None and point.high is not None:
        parts[1] += f" ({number(point.low)} to {number(point.high)})"
    return ", ".join(parts)


def _description(picture: _Picture, x: Axis, y: Axis) -> str:
    """Return the picture in words, for those who hear it read."""
    parts = [f"{_axis_text(x)}, against {_axis_text(y)}."]
    order = sorted(range(len(picture.points)), key=lambda i: picture.points[i].x)
    for what, wanted in (("On the front", True), ("Not on the front", False)):
        chosen = [picture.points[i] for i in order if (i in picture.on_front) == wanted]
        told = [f"{point.name}: {_figures(point, x, y)}" for point in chosen]
        if told:
            parts.append(f"{what}: {'; '.join(told)}.")
    return " ".join(parts)
