"""A model card as Markdown. Names and texts of the run stay text and are never markup."""

from __future__ import annotations

from optkit.record.card import Card, CardFigure
from optkit.report.choose import number
from optkit.report.escape import code, plain, times
from optkit.report.text import time_text
from optkit.spec.running import said


def card_markdown(card: Card) -> str:
    """Return the card for readers: the file, how it was made, its figures, and how to make it again."""
    size = card.artifact
    lines = [
        f"# {plain(card.variant)}",
        "",
        f"{plain(card.suite)} on {plain(card.dataset.name)}, chosen by optkit {plain(card.optkit)}.",
        "",
        "| | |",
        "|---|---|",
        f"| file | {code(card.file)} |",
        f"| sha256 | {code(size.sha256)} |",
        f"| bytes | {size.file_bytes:,} ({size.zip_bytes:,} zipped) |",
        f"| smaller than {plain(card.baseline)} | {size.size_ratio:.2f} times, zipped |",
        f"| runtime | {plain(_runtime(card))} |",
        f"| data | {plain(card.dataset.name)}, {card.dataset.test:,} to test, sha256 {code(card.dataset.digest)} |",
        f"| measured | {plain(card.made or 'at an unknown time')}, {times(card.sessions, 'session')} |",
        "",
        "## How it was made",
        "",
        *(f"{place}. {plain(line)}" for place, line in enumerate(card.lineage, 1)),
        "",
        "```",
        card.rebuild.replace("`", "'"),
        "```",
        "",
        "The same versions of the libraries give the same file. `recipe` in the JSON card has every parameter.",
        "",
        "## Figures",
        "",
        "| figure | value | interval | from |",
        "|---|---|---|---|",
        *map(_figure, card.figures),
        "",
    ]
    if card.bounds:
        lines += ["## Bounds", "", "| bound | value | |", "|---|---|---|"]
        lines += [f"| {code(one.key)} | {number(one.value)} | {plain(one.word)} |" for one in card.bounds]
        lines += [""]
    lines += ["## Measured on", "", *(f"- {plain(k)}: {plain(v)}" for k, v in card.environment.items()), ""]
    return "\n".join(lines)


def _runtime(card: Card) -> str:
    settings = f" ({said(card.runtime.settings)})" if card.runtime.settings else ""
    return f"{card.runtime.name} {card.runtime.version}{settings}"


def _figure(one: CardFigure) -> str:
    def told(value: float) -> str:
        return time_text(value) if one.unit == "seconds" else f"{number(value)} {one.unit}".rstrip()

    where = f" ({one.where})" if one.where else ""
    interval = "not known"
    if one.low is not None and one.high is not None and one.confidence:
        interval = f"{told(one.low)} to {told(one.high)} ({100 * one.confidence:g} % at each end)"
    return f"| {plain(one.name + where)} | {plain(told(one.value))} | {plain(interval)} | {plain(one.data)} |"
