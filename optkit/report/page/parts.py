"""The parts that a page is made of.

Law: a part holds text and figures, never markup; the one exception is `Picture.svg`, whose maker escapes its texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Head:
    """The head of a column: its text, whether its cells are numbers, and what it means."""

    text: str
    number: bool = True
    about: str = ""


@dataclass(frozen=True)
class Cell:
    """A cell: its text, what it is sorted by (None: not at all, and last), and whether it is the best of its column."""

    text: str
    sort: float | str | None = None
    best: bool = False


@dataclass(frozen=True)
class Table:
    """A table whose rows a reader may sort. `folded`: shown when asked for."""

    caption: str
    heads: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: bool = False


@dataclass(frozen=True)
class Picture:
    """An SVG as text, under the `name` of its file beside the Markdown page, and what it shows.

    `diagram` is the same as Markdown that needs no file, for a job summary; empty when there is none.
    """

    name: str
    svg: str
    about: str
    diagram: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart that the page draws of `data` (JSON types): its form, which `page.js` knows, and what it shows.

    `instead` is what a reader without JavaScript sees; None when a table beside it says the same.
    """

    name: str
    form: str
    data: Mapping[str, Any]
    about: str
    instead: Picture | None = None


@dataclass(frozen=True)
class Card:
    """An answer: the question, the variant, and its figures."""

    title: str
    variant: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Cards:
    """The answers, first on the page."""

    cards: tuple[Card, ...]


@dataclass(frozen=True)
class Shot:
    """One sample as a picture (a PNG, base64), with what is said of it."""

    png: str
    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Shots:
    """Samples as pictures."""

    caption: str
    shots: tuple[Shot, ...]


@dataclass(frozen=True)
class Tree:
    """A tree of texts: each node with its children."""

    text: str
    children: tuple[Tree, ...] = ()
    leaf: bool = False


@dataclass(frozen=True)
class Trees:
    """Several trees, with what they show."""

    caption: str
    trees: tuple[Tree, ...]


@dataclass(frozen=True)
class Lines:
    """Plain lines; `code` ones are commands."""

    lines: tuple[str, ...]
    code: bool = False


Part = Table | Picture | Chart | Cards | Shots | Trees | Lines


@dataclass(frozen=True)
class Section:
    """A section: its parts, and for each thing that it cannot show one line that says why."""

    name: str
    title: str
    parts: tuple[Part, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunPage:
    """What is said of one run. `name` is its own on the page."""

    name: str
    title: str
    about: tuple[str, ...]
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Page:
    """A whole page: one or more runs."""

    title: str
    runs: tuple[RunPage, ...]
    made_with: str


@dataclass
class Missing:
    """Collects why things are not shown."""

    lines: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        """Add a reason, once."""
        if line not in self.lines:
            self.lines.append(line)


def text(value: object) -> Cell:
    """Return a cell of text, sorted by it."""
    return Cell(str(value), str(value).lower())


def figure(value: float | None, shown: str, *, best: bool = False) -> Cell:
    """Return a cell of a figure; `–` when there is none."""
    return Cell("–" if value is None else shown, value, best)


def best_of(values: Sequence[float | None], *, higher: bool = False) -> float | None:
    """Return the best of the figures that are there; None when there is none."""
    known = [value for value in values if value is not None]
    return (max if higher else min)(known, default=None)
