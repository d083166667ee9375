"""`optkit compare`: compare two saved runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from optkit.commands.command import Command, fraction
from optkit.commands.judging import add_judging, printed, tolerances_of
from optkit.commands.reporting import add_reporting, reported
from optkit.errors import SchemaError
from optkit.judge.compare import Comparison, compare_runs
from optkit.judge.tolerances import Tolerances
from optkit.record.run import read_run
from optkit.report import comparison, markdown, markdown_tables


def _options(parser: argparse.ArgumentParser) -> None:
    add_judging(parser)
    add_reporting(parser)
    for side in ("base", "head"):
        parser.add_argument(side, type=Path, metavar=f"{side.upper()}.json", help="saved by pytest --benchmark-json")
    tolerances = Tolerances()
    for name, default, about in (
        ("--max-drop", tolerances.max_drop, "largest drop of accuracy that passes, of the test samples"),
        ("--max-growth", tolerances.max_growth, "largest growth of a file that passes"),
    ):
        about = f"{about} ({100 * default:g}%%)"
        parser.add_argument(name, type=fraction, default=default, metavar="PERCENT", help=about)
    parser.add_argument(
        "--across-environments",
        action="store_true",
        help="compare runs of different processors or library versions, times only normalized",
    )
    parser.add_argument(
        "--no-times", dest="times", action="store_false", help="compare sizes and accuracy only (times: optkit ab)"
    )


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    tolerances = tolerances_of(options, max_drop=options.max_drop, max_growth=options.max_growth)
    chosen = {name: getattr(options, name) for name in ("allow", "across_environments", "times")}
    try:
        found = compare_runs(read_run(options.base), read_run(options.head), tolerances, **chosen)
    except SchemaError as error:
        found = Comparison(refusals=(str(error),))
    result = {
        "rules": {**printed(tolerances), **chosen},
        **msgspec.to_builtins(found),
        "deltas": [printed(delta) for delta in found.deltas],
        "exit_code": found.exit_code,
    }
    shown = comparison.comparison_text(found, tolerances, times=options.times)
    table, culprits = markdown_tables.comparison_table(found), markdown.comparison_culprits(found)
    code = reported(options, "optkit compare", culprits, shown, found.exit_code, table=table)
    return result, shown, code


COMPARE = Command("compare two saved runs", "optkit compare base.json head.json --allow new_variant", _options, _run)
