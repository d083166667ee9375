"""How wide what a command prints may be, and whether it has colours: decided here and nowhere else.

Law: a colour only repeats what a word says. What goes to a pipe or a file has no control codes, and a width that does
not depend on who looks at it.
"""

from __future__ import annotations

import functools
import os
import sys
from typing import Any, TextIO

PIPE_WIDTH = 100
"""Columns of what is not written to a terminal."""
_DEFAULT = 80
_LEAST, _MOST = 40, 2000
_PROSE = 100
"""Sentences are not made wider than that: long lines are hard to read."""

NO_BREAK = "\u00a0"
"""A space at which no line is broken; it is printed as a plain one."""
_STYLES = {"good": "green", "bad": "bold red", "open": "yellow", "best": "cyan"}
_WORDS = {
    "good": "pass|better|faster|smaller|more accurate",
    "bad": "FAIL: [a-z ]+|fail|worse|slower|larger|less accurate",
    "open": "inconclusive|not comparable",
}
_PATTERNS = [
    *(rf"(?m)^(?P<{style}>{words})(?=:( |$))" for style, words in _WORDS.items()),  # a line of verdicts
    *(rf"(?m)(?<=\s)(?P<{style}>{words})$" for style, words in _WORDS.items()),  # the last cell of a row
    r"(?m)(?<=^gates: )(?P<good>[1-9]\d* passed)",
    r"(?P<bad>\b[1-9]\d* failed)(?=,)",
    r"(?m)(?P<open>\b[1-9]\d* (inconclusive|not comparable))(?=,|$)",
    r"(?P<best>[^\s◀]+( [µm]?s)?◀)",
]


def width() -> int:
    """Return how many columns standard output has: `COLUMNS`, else those of the terminal, else `PIPE_WIDTH`."""
    given = os.environ.get("COLUMNS", "")
    if given.isascii() and given.isdecimal() and len(given) <= 6 and int(given) > 0:
        return _within(int(given))
    if not is_terminal(sys.stdout):
        return PIPE_WIDTH
    try:
        return _within(os.get_terminal_size(sys.stdout.fileno()).columns or _DEFAULT)
    except (OSError, ValueError):
        return _DEFAULT


def prose_width(columns: int | None = None) -> int:
    """Return how wide sentences are where there are so many columns, by default those of standard output."""
    return min(columns or width(), _PROSE)


def _within(columns: int) -> int:
    return min(max(columns, _LEAST), _MOST)


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether `stream` is a terminal; a closed one is none."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def is_coloured(stream: TextIO | None) -> bool:
    """Tell whether `stream` gets colours: `NO_COLOR` forbids them, `FORCE_COLOR` asks for them; else terminals do."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return is_terminal(stream) and os.environ.get("TERM", "") not in ("dumb", "unknown")


@functools.cache
def _painter() -> tuple[Any, Any]:
    from rich.console import Console
    from rich.theme import Theme

    console = Console(
        width=_MOST, force_terminal=True, color_system="standard", no_color=False, theme=Theme(_STYLES), markup=False
    )
    return console, _PATTERNS


def painted(text: str) -> str:
    """Return `text` with its verdicts and best figures in colour. It must hold no control codes of its own."""
    from rich.text import Text

    console, patterns = _painter()
    found = Text(text)
    for pattern in patterns:
        found.highlight_regex(pattern)
    with console.capture() as capture:
        console.print(found, soft_wrap=True, end="", highlight=False)
    return str(capture.get())


def wrapped(text: str, columns: int, *, indent: str = "  ") -> list[str]:
    """Return `text` as lines of at most `columns` cells, broken at spaces; the further ones begin with `indent`.

    There is no break at `NO_BREAK`. A word that is longer than a line is broken, but for the path of a
    file, which would be none any more.
    """
    from rich.cells import cell_len, chop_cells

    lines: list[str] = []
    line, empty = "", True
    for word in text.split(" "):
        joined = word if empty else f"{line} {word}"
        if cell_len(joined) <= columns or (empty and _is_path(word)):
            line, empty = joined, False
            continue
        if line.strip():
            lines.append(line.rstrip())
            line = indent
        if _is_path(word):
            line, empty = line + word, False
            continue
        *full, last = chop_cells(word, columns - len(indent)) or [""]
        lines += [indent + part if lines else part for part in full]
        line, empty = (indent if lines else "") + last, False
    return [one.replace(NO_BREAK, " ") for one in (*lines, line.rstrip())]


def _is_path(word: str) -> bool:
    return word.lstrip("('\"").startswith((os.sep, "./", "../", "~/"))


def paragraph(text: str, columns: int, *, indent: str = "  ") -> list[str]:
    """Return each line of `text` as `wrapped` does, as wide as sentences may be."""
    return [part for line in text.split("\n") for part in wrapped(line, prose_width(columns), indent=indent)]


def cells(text: str) -> int:
    """Return how many cells of a terminal `text` takes."""
    from rich.cells import cell_len

    return cell_len(text)
