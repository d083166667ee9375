"""`optkit export`: a saved run in the format of another tool."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from optkit.commands.command import Command, folder
from optkit.errors import OptkitError
from optkit.judge.gates import check_run
from optkit.record.run import Run, read_run
from optkit.report.export import FORMATS
from optkit.spec import Suite
from optkit.suites import load_suite


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_file", type=Path, metavar="RUN.json", help="saved by --benchmark-json or optkit bench -o")
    parser.add_argument("--format", choices=tuple(FORMATS), required=True, help="of which tool")
    about = "whose gates are told in junit (default: of the suite that the run names)"
    parser.add_argument("--suite", metavar="SUITE", help=about)
    parser.add_argument("-o", "--output", type=folder, metavar="FILE", help="write it there (default: print it)")


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    run = read_run(options.run_file)
    text = FORMATS[options.format].text(run, lambda: check_run(_suite(options.suite, run), run))
    if not options.output:
        return text, text, 0
    try:
        options.output.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise OptkitError(
            f"{options.output} cannot be written ({error.strerror}); give another file with -o"
        ) from error
    return {"output": str(options.output)}, f"written: {options.output}", 0


def _suite(given: str | None, run: Run) -> Suite:
    recorded = next(iter(run.variants.values())).suite_path
    return load_suite(given or recorded or run.suite, run.dataset.name)


EXPORT = Command(
    "write a saved run in the format of another tool", "optkit export run.json --format bencher", _options, _run
)
