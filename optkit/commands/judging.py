"""The options of every command that tells a change from noise."""

from __future__ import annotations

import argparse

from optkit.commands.command import fraction, names_if_any
from optkit.judge.ab import Design


def add_judging(parser: argparse.ArgumentParser) -> None:
    """Add --margin, --false-alarm, --miss and --allow."""
    design = Design()
    for name, default, about in (
        ("--margin", design.margin, "the change of time that matters"),
        ("--false-alarm", design.false_alarm, "chance of any false alarm in the whole invocation"),
        ("--miss", design.miss, "chance for a benchmark that a change of the margin is called the same"),
    ):
        about = f"{about} ({100 * default:g}%%)"
        parser.add_argument(name, type=fraction, default=default, metavar="PERCENT", help=about)
    about = "names that may be missing or new (none, when empty)"
    parser.add_argument("--allow", type=names_if_any, default=(), metavar="A,B", help=about)
