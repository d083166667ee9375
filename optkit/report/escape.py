"""Text from a run as Markdown: it stays text and is never markup."""

from __future__ import annotations

import re

_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~&])")


def plain(text: object) -> str:
    """Return `text` as one line of Markdown in which nothing is markup."""
    return _MARKUP.sub(r"\\\1", " ".join(str(text).split()))


def code(text: object) -> str:
    """Return `text` as a code span, which no character in it can end, also in a table."""
    line = " ".join(str(text).split()).replace("|", "¦")
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    padding = " " if "`" in line else ""
    return f"{fence}{padding}{line}{padding}{fence}"


def times(count: int, noun: str) -> str:
    """Return a number of things, such as `1 thread` or `2 threads`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
