"""The options of every command that tells a change from noise."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from optkit.commands.command import fraction, names_if_any
from optkit.judge.tolerances import Tolerances


def add_judging(parser: argparse.ArgumentParser) -> None:
    """Add --margin, --false-alarm, --miss and --allow."""
    tolerances = Tolerances()
    for name, default, about in (
        ("--margin", tolerances.margin, "the change of time that matters"),
        ("--false-alarm", tolerances.family_alpha, "chance of any false alarm in the whole invocation"),
        (
            "--miss",
            tolerances.equivalence_alpha,
            "chance, of each benchmark, that such a change is called the same",
        ),
    ):
        about = f"{about} ({100 * default:g}%%)"
        parser.add_argument(name, type=fraction, default=default, metavar="PERCENT", help=about)
    about = "names that may be missing or new (none, when empty)"
    parser.add_argument("--allow", type=names_if_any, default=(), metavar="A,B", help=about)


_PRINTED = {
    "family_alpha": "false_alarm",
    "equivalence_alpha": "miss",
    "minimum_detectable_effect": "detectable",
}
"""Names of the code, and what they have been called in --json from the start: the options' names."""


def tolerances_of(options: argparse.Namespace, **more: float) -> Tolerances:
    """Return the tolerances that the options of `add_judging` ask for, and `more` of them."""
    return Tolerances(margin=options.margin, family_alpha=options.false_alarm, equivalence_alpha=options.miss, **more)


def printed(value: Any) -> dict[str, Any]:
    """Return a dataclass as --json prints it."""
    return {_PRINTED.get(name, name): found for name, found in msgspec.to_builtins(value).items()}
