"""A search as text: the winner with its certificate, the recipes that came nearest, and suite lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomlkit

from optkit.report import terminal
from optkit.report.grid import rows_text
from optkit.search.state import Search
from optkit.search.wanted import Wanted, front

_SHOWN = 8


def search_text(search: Search, wanted: Wanted, place: str) -> str:
    """Return what a search found, in the width of the terminal."""
    whole = [trial for trial in search.trials if trial.whole]
    refused = sum(bool(trial.refused) for trial in search.trials)
    tried = len(search.trials) - refused
    head = f"{tried} recipes, {tried - len(whole)} given up early, {refused} refused; all of it is in {place}"
    if search.certificate is None:
        return "\n".join(terminal.paragraph(f"{head}. Nothing was trained whole: give more trials", terminal.width()))
    lines = [head, "", _table(search, wanted), ""]
    if len(wanted.minimize) > 1:
        lines += ["Of these no other is as small in all that was asked for, and fits:", "", _front(search, wanted), ""]
    lines += terminal.paragraph(certificate_text(search.certificate, wanted), terminal.width())
    return "\n".join([*lines, "", suite_lines(search.certificate["table"]).rstrip()])


def suite_lines(table: Mapping[str, Any]) -> str:
    """Return the winner's table as lines of a suite file."""
    return tomlkit.dumps({"variants": {"found": dict(table)}})


def _table(search: Search, wanted: Wanted) -> str:
    rungs = [(trial.number, trial.whole) for trial in search.trials if trial.whole]
    rungs.sort(key=lambda one: wanted.rank(one[1]))
    rows = []
    for number, rung in rungs[:_SHOWN]:
        mark = " (winner)" if rung.variant == search.winner else ""
        rows.append((f"{number}{mark}", *(shown_figure(name, rung.figures[name]) for name in wanted.quantities)))
    return rows_text(("recipe", *wanted.quantities), rows)


def _front(search: Search, wanted: Wanted) -> str:
    rows = [
        (str(trial.number), *(shown_figure(name, trial.whole.figures[name]) for name in wanted.quantities))
        for trial in front(search.trials, wanted)
        if trial.whole
    ]
    return rows_text(("recipe", *wanted.quantities), rows) if rows else "none"


def certificate_text(found: Mapping[str, Any], wanted: Wanted) -> str:
    """Return what the winner came to on the test set, and how surely."""
    limit = next((bound.value for bound in wanted.bounds if bound.key == "max_drop"), None)
    drop, high = found["drop"], found["high"]
    if not found["fits"]:
        verdict = "Nothing fits the bounds; this is the nearest"
    elif limit is None:
        verdict = "It is within the bounds on the samples that chose it"
    elif high is not None and high <= limit:
        verdict = f"The drop is within {limit:g}, at 95 %"
    else:
        verdict = f"That the drop is within {limit:g} is not shown at 95 %"
    ends = "" if high is None else f" ({found['low']:+.4f} to {high:+.4f})"
    return (
        f"{verdict}. On the test set, once: drop {drop:+.4f}{ends}, {found['data']}; {found['zip_bytes']:,} zip bytes, "
        f"{found['size_ratio']:.2f} times smaller than the baseline. On the samples that chose it the drop was "
        f"{found['held_out_drop']:+.4f}."
    )


def shown_figure(name: str, value: float) -> str:
    """Return a figure as it is shown: a drop with its sign."""
    return f"{value:+.4f}" if name.endswith("drop") else f"{value:,.6g}"
