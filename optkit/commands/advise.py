"""`optkit advise`: name the recipe to start with, and the command that builds it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from optkit.advise import DATA, TARGETS, WISHES, advise, suite_with
from optkit.commands.command import Command
from optkit.errors import SuiteError
from optkit.report import text


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", choices=DATA, required=True, help="the data at hand to train or calibrate with")
    parser.add_argument("--target", choices=TARGETS, required=True, help="the hardware the model will run on")
    parser.add_argument("--wish", choices=WISHES, required=True, help="what matters most")
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
    return msgspec.to_builtins(advice), text.advice_text(advice), 0 if advice.scheme else 3


ADVISE = Command(
    "name the recipe to start with, and the command that builds it; exit code 3 when no scheme fits",
    "optkit advise --data unlabelled --target edge_tpu --wish smallest",
    _options,
    _run,
)
