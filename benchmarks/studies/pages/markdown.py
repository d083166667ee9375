"""Tables in Markdown, for the pages that are made."""

from __future__ import annotations

from collections.abc import Sequence


def table(*rows: Sequence[str]) -> str:
    """Return `rows`, the first of them the head, as a Markdown table."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    head, *body = [f"| {' | '.join(row)} |" for row in escaped]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def code(text: str) -> str:
    """Return `text` as it is typed, for a cell of a table."""
    return f"`{text}`"


def made(command: str) -> str:
    """Return the comment that says how a page is made."""
    return f"<!-- Made by `{command}`. Do not edit. -->"
