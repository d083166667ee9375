"""Places of labels in a picture: beside the point where there is room, else further off, and never on another one."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

FONT_SIZE = 12.0
_NARROW, _WIDE = 0.62, 1.05
"""Of the size of the font: the width of a character, and of one of East Asia, at most for nearly every text."""
_GAP = 9.0
_RINGS = (18.0, 30.0, 44.0, 62.0, 84.0, 110.0)
_ANGLES = 16


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, y downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Tell whether the two have any area in common."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def holds(self, other: Box) -> bool:
        """Tell whether `other` lies wholly within this."""
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom


@dataclass(frozen=True)
class Label:
    """A text with its place: x and y of its base line, how it is aligned there, its box, and whether it stands far off.

    `anchor` is SVG's `text-anchor`.
    """

    text: str
    x: float
    y: float
    anchor: str
    box: Box
    far: bool


def text_width(text: str, size: float = FONT_SIZE) -> float:
    """Return the width of `text` in pixels, rather too much than too little."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return size * (_WIDE * wide + _NARROW * (len(text) - wide))


def shortened(text: str, most: int) -> str:
    """Return `text` with its middle left out when it is longer than `most` characters: names differ at their ends."""
    if len(text) <= most:
        return text
    end = (most - 1) // 2
    return f"{text[: most - 1 - end]}…{text[len(text) - end :]}"


def placed(text: str, at: tuple[float, float], taken: Sequence[Box], lines: Sequence[Box], inside: Box) -> Label | None:
    """Return `text` beside the point `at`, off what is `taken` and, if possible, off `lines`; None without room."""
    crossing: Label | None = None
    for label in _candidates(text, at):
        if inside.holds(label.box) and not any(label.box.meets(box) for box in taken):
            if not any(label.box.meets(box) for box in lines):
                return label
            crossing = crossing or label
    return crossing


def _candidates(text: str, at: tuple[float, float]) -> Iterator[Label]:
    x, y = at
    for dx, dy in ((_GAP, 0.0), (-_GAP, 0.0), (0.0, -1.5 * _GAP), (0.0, 1.5 * _GAP)):
        yield _label(text, x + dx, y + dy, dx, far=False)
    for dx, dy in ((1.0, -1.0), (1.0, 1.0), (-1.0, -1.0), (-1.0, 1.0)):
        yield _label(text, x + 0.9 * _GAP * dx, y + 1.2 * _GAP * dy, dx, far=False)
    for radius in _RINGS:
        for step in range(_ANGLES):
            angle = 2 * math.pi * step / _ANGLES
            dx = math.cos(angle) if abs(math.cos(angle)) > 0.3 else 0.0
            yield _label(text, x + radius * math.cos(angle), y - radius * math.sin(angle), dx, far=True)


def _label(text: str, x: float, y: float, direction: float, *, far: bool) -> Label:
    """Return `text` in a line through `y`: to the right of `x`, to its left, or about it, by `direction`."""
    width = text_width(text)
    left = x if direction > 0 else x - width if direction < 0 else x - width / 2
    anchor = "start" if direction > 0 else "end" if direction < 0 else "middle"
    box = Box(left - 1, y - 0.6 * FONT_SIZE, left + width + 1, y + 0.6 * FONT_SIZE)
    return Label(text, x, y + 0.35 * FONT_SIZE, anchor, box, far)
