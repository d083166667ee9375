"""`optkit advise`: name the recipe to start with, and the command that builds it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from optkit.commands.command import Command
from optkit.errors import SuiteError
from optkit.judge.advise import DATA, TARGETS, WISHES, advise, suite_with
from optkit.judge.evidence import evidence_of
from optkit.record.run import read_run
from optkit.report import text
from optkit.report.evidence import evidence_text


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", choices=DATA, required=True, help="the data at hand to train or calibrate with")
    parser.add_argument("--target", choices=TARGETS, required=True, help="the hardware the model will run on")
    parser.add_argument("--wish", choices=WISHES, required=True, help="what matters most")
    about = "compare the rule with a saved run: does what it recommends do best there?"
    parser.add_argument("--run", dest="saved", type=Path, metavar="RUN.json", help=about)
    parser.add_argument("--write", type=Path, metavar="NEW.toml", help="write a suite with the recipe as a variant")
    parser.add_argument("--suite", default="mnist", metavar="SUITE", help="the suite to add it to (default: mnist)")


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    advice = advise(options.data, options.target, options.wish)
    if options.write:
        content = suite_with(advice, options.suite)
        try:
            with options.write.open("x", encoding="utf-8") as file:  # never over a file that is there
                file.write(content)
        except OSError as error:
            raise SuiteError(f"{options.write} cannot be written ({error.strerror}); give a new .toml file") from error
    found = evidence_of(advice, read_run(options.saved)) if options.saved and advice.scheme else None
    shown = text.advice_text(advice)
    if advice.scheme:
        shown = f"{shown}\n\n{evidence_text(advice.title, found)}"
    said = None if found is None else {**msgspec.to_builtins(found), "agrees": found.agrees}
    return {**msgspec.to_builtins(advice), "evidence": said}, shown, 0 if advice.scheme else 3


ADVISE = Command(
    "name the recipe to start with, and the command that builds it; exit code 3 when no scheme fits",
    "optkit advise --data unlabelled --target edge_tpu --wish smallest",
    _options,
    _run,
)
