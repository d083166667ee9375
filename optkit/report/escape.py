"""Text from a run as Markdown: it stays text and is never markup."""

from __future__ import annotations

import re

_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~&])")


def plain(text: object) -> str:
    """Return `text` as one line of Markdown in which nothing is markup."""
    return _MARKUP.sub(r"\\\1", " ".join(str(text).split()))


def code(text: object) -> str:
    """Return `text` as a code span for a cell of a table."""
    return span(str(text).replace("|", "¦"))


def span(text: str) -> str:
    """Return `text` as a code span, which no character in it can end."""
    line = " ".join(text.split())
    fence = "`" * (longest_run(line) + 1)
    padding = " " if "`" in line else ""
    return f"{fence}{padding}{line}{padding}{fence}"


def longest_run(text: str) -> int:
    """Return how many backticks follow each other in `text` at most."""
    return max(map(len, re.findall("`+", text)), default=0)


def times(count: int, noun: str) -> str:
    """Return a number of things, such as `1 thread` or `2 threads`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
