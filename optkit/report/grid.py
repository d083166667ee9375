"""A table that fits its width: what is equal in all rows is said once above it, and no cell is ever broken.

Law: nothing is lost without being told. Where there is no room, gaps shrink, words go below their row, columns that may
are left out (and named), the table is split, and names get lines of their own, in this order.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from optkit.report import terminal
from optkit.report.terminal import NO_BREAK, wrapped

MARK = "◀"
_EMPTY = ("", "-")
_INDENT = "  "


@dataclass(frozen=True)
class Column:
    """A column: its head and a cell for each row.

    `left`: aligned to the left. `words`: a sentence, which may go below its row. `fold`: said once above the table
    when it is the same in all rows. `optional`: left out where there is no room. `joined`: stays beside the one before.
    """

    head: str
    cells: Sequence[str]
    left: bool = False
    words: bool = False
    fold: bool = False
    optional: bool = False
    joined: bool = False

    @property
    def width(self) -> int:
        """The cells of a terminal that it takes."""
        return max(map(cell_len, (self.head, *self.cells)))


@dataclass(frozen=True)
class Grid:
    """A table as text, and the heads of the columns that had no room."""

    text: str
    left_out: tuple[str, ...] = ()


def natural_width(columns: Sequence[Column], gap: int = 2) -> int:
    """Return how wide a table of `columns` is."""
    return sum(column.width for column in columns) + gap * (len(columns) - 1)


def rows_text(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: Sequence[int] = (),
    words: int = -1,
    optional: Sequence[int] = (),
    stack: bool = True,
) -> str:
    """Return `rows` as a table that fits standard output: the first cell names its row.

    `left` and `optional` are the places of such columns, `words` is that of one with sentences. What has no room is
    told.
    """
    cells = list(zip(*rows, strict=True)) or [() for _ in heads]
    key, *columns = (
        Column(head, column, left=place in left, words=place == words, optional=place in optional)
        for place, (head, column) in enumerate(zip(heads, cells, strict=True))
    )
    found = grid(key, columns, terminal.width(), stack=stack)
    told = [f"no room for: {', '.join(found.left_out)}"] if found.left_out else []
    return "\n".join([found.text, *told])


def grid(key: Column, columns: Sequence[Column], width: int, *, stack: bool = False) -> Grid:
    """Return a table of at most `width` columns with `key`, the name of each row, before each of its parts.

    With `stack`, names get lines of their own before the table is split. A key of "" continues the row above.
    """
    many = len(key.cells) > 1
    shown = [column for column in columns if not many or any(cell not in _EMPTY for cell in column.cells)]
    folded = [c for c in shown if c.fold and many and len({cell.rstrip(f" {MARK}") for cell in c.cells}) == 1]
    shown = [column for column in shown if column not in folded]
    said = ", ".join(f"{column.head} {column.cells[0].rstrip(f' {MARK}')}" for column in folded)
    lines = wrapped(f"the same in all rows: {said}", width) if said else []
    left_out: tuple[str, ...] = ()
    for kept in (shown, [column for column in shown if not column.optional]):
        left_out = tuple(column.head for column in shown if column not in kept)
        if table := _within(key, kept, width):
            return Grid("\n".join([*lines, *table]), left_out)
    return Grid("\n".join([*lines, *_narrow(key, kept, width, stack=stack)]), left_out)


def _within(key: Column, columns: Sequence[Column], width: int) -> list[str]:
    """Return one table, with small gaps and with words below their rows if need be; nothing when it is too wide."""
    words = [column for column in columns if column.words]
    for below in (words[i:] for i in range(len(words), -1, -1)):
        beside = [column for column in columns if column not in below]
        for gap in (2, 1):
            if natural_width([key, *beside], gap) <= width:
                return _table(key, beside, below, width, gap)
    return []


def _narrow(key: Column, columns: Sequence[Column], width: int, *, stack: bool) -> list[str]:
    """Return several tables, or one in which the names have lines of their own."""
    below = [column for column in columns if column.words]
    units = list(_units([column for column in columns if not column.words]))
    widest = max((natural_width(unit, 1) for unit in units), default=0)
    if stack or key.width + 1 + widest > width:
        return _stacked(key, units, below, width)
    return _split(key, units, below, width)


def _units(columns: Sequence[Column]) -> Iterator[list[Column]]:
    """Yield columns with those that are joined to them."""
    unit: list[Column] = []
    for column in columns:
        if unit and not column.joined:
            yield unit
            unit = []
        unit.append(column)
    if unit:
        yield unit


def _parts(units: Sequence[Sequence[Column]], room: int) -> list[list[Column]]:
    """Return the columns in parts that each fit into `room`, as many as can be in each."""
    parts: list[list[Column]] = []
    for unit in units:
        if parts and natural_width([*parts[-1], *unit], 1) <= room:
            parts[-1] += unit
        else:
            parts.append(list(unit))
    return parts or [[]]


def _split(key: Column, units: Sequence[Sequence[Column]], below: Sequence[Column], width: int) -> list[str]:
    lines: list[str] = []
    parts = _parts(units, width - key.width - 1)
    for number, part in enumerate(parts):
        gap = 2 if natural_width([key, *part], 2) <= width else 1
        words = below if number == len(parts) - 1 else []
        lines += [*([""] if lines else []), *_table(key, part, words, width, gap)]
    return lines


def _stacked(key: Column, units: Sequence[Sequence[Column]], below: Sequence[Column], width: int) -> list[str]:
    """Return tables in which each name stands above its figures."""
    lines: list[str] = []
    room = width - len(_INDENT)
    for part in _parts(units, room):
        gap = 2 if natural_width(part, 2) <= room else 1
        heads, *rows = _plain(part, gap) if part else ["", *("" for _ in key.cells)]
        block = [*wrapped(key.head, width), f"{_INDENT}{heads}"]
        for i, (name, row) in enumerate(zip(key.cells, rows, strict=True)):
            if name and (i == 0 or name != key.cells[i - 1]):
                block += wrapped(name, width)
            block += [f"{_INDENT}{row}", *_words(below, i, width, 2 * _INDENT)]
        lines += [*([""] if lines else []), *(line.rstrip() for line in block if line.strip())]
        below = ()
    return lines


def _table(key: Column, columns: Sequence[Column], below: Sequence[Column], width: int, gap: int) -> list[str]:
    heads, *rows = _plain([dataclasses.replace(key, left=True), *columns], gap)
    lines = [heads]
    for i, row in enumerate(rows):
        lines += [row, *_words(below, i, width, 2 * _INDENT)]
    return lines


def _words(below: Sequence[Column], row: int, width: int, indent: str) -> Iterator[str]:
    for column in below:
        if (cell := column.cells[row]) not in _EMPTY:
            told = f"{indent}{column.head}: {cell}" if column.head else f"{indent}{cell}"
            yield from wrapped(told, width, indent=f"{indent}{_INDENT}")


def _plain(columns: Sequence[Column], gap: int) -> list[str]:
    """Return a line of heads and a line a row."""
    rows = [[column.head for column in columns], *zip(*(column.cells for column in columns), strict=True)]
    aligned = [(column.width, column.left or column.words) for column in columns]
    return [
        (" " * gap).join(_padded(cell, *how) for cell, how in zip(row, aligned, strict=True)).rstrip() for row in rows
    ]


def _padded(cell: str, width: int, left: bool) -> str:
    room = " " * (width - cell_len(cell))
    shown = cell.replace(NO_BREAK, " ")
    return shown + room if left else room + shown
