"""`optkit gate`: judge a saved run by its suite's gates."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from optkit.build.shared import open_store
from optkit.commands.command import Command, add_store
from optkit.commands.reporting import add_reporting, reported
from optkit.errors import SuiteError
from optkit.judge.fits import fits
from optkit.judge.gates import Verdict, check_run, exit_code, explain
from optkit.judge.update import new_bounds
from optkit.record.run import read_run
from optkit.report import markdown, markdown_tables, text
from optkit.report.gates import gate_notes
from optkit.report.targets import targets_text
from optkit.spec import Suite
from optkit.suites import SuiteFile, read_suite_file
from optkit.suites.edit import difference, gate_places, set_values


def _options(parser: argparse.ArgumentParser) -> None:
    add_store(parser)
    add_reporting(parser)
    parser.add_argument("run_file", type=Path, metavar="RUN.json", help="saved by --benchmark-json or make bench")
    parser.add_argument(
        "--suite", metavar="SUITE", help="whose gates to use (default: of the suite that the run names)"
    )
    about = "judge every variant of the suite: one that the run lacks is not comparable (default: those of the run)"
    parser.add_argument("--all", action="store_true", help=about)
    about = "move the gates of the suite file to what the run measured; shows the change, and writes it with --yes"
    parser.add_argument("--update", action="store_true", help=about)
    parser.add_argument("--yes", action="store_true", help="with --update: write the file")
    parser.add_argument("--passed", action="store_true", help="also print the gates that passed")


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    run = read_run(options.run_file)
    recorded = next(iter(run.variants.values())).suite_path
    file = read_suite_file(options.suite or recorded or run.suite)
    suite = file.of_run(run.dataset.name)
    store = open_store(options.store)
    verdicts = [explain(store, run, verdict) for verdict in check_run(suite, run, whole=options.all)]
    result = [{**msgspec.to_builtins(v), "bound": v.gate.bound_text} for v in verdicts]
    notes = gate_notes(suite, run, verdicts)
    shown = text.verdicts_text(verdicts, passed=options.passed, notes=notes)
    if suite.targets:
        shown = "\n\n".join([targets_text(suite, run, fits(suite, run)), shown])
    culprits = [*markdown.gate_culprits(verdicts), *notes]
    ungated = not verdicts and set(run.variants) <= {variant.name for variant in suite.variants}
    code = 0 if ungated else exit_code(verdicts)  # a selection without gates is told in a note
    if options.update:
        return _update(file, suite, run.dataset.name, verdicts, write=options.yes)
    table = markdown_tables.gate_table(run, verdicts)
    code = reported(options, "optkit gate", culprits, shown, code, table=table, file=suite.path)
    return result, shown, code


def _update(file: SuiteFile, suite: Suite, data: str, verdicts: list[Verdict], *, write: bool) -> tuple[Any, str, int]:
    """Show how the gates of the suite's file move to what was measured, and write it when asked to."""
    if suite.path is None:
        raise SuiteError(f"{suite.name} is a built-in suite; copy it to a file of your own to change its gates")
    if file.extends:
        raise SuiteError(f"{suite.path.name} extends {file.extends!r}; give it gates of its own to move")
    moved = new_bounds(gate_places(file.document, suite.gates, [data, suite.profile]), verdicts)
    after = set_values(file.text, moved)
    changes = difference(file.text, after, suite.path.name)
    if write and changes:
        suite.path.write_text(after, encoding="utf-8")
    said = "written" if write else "not written; add --yes to write it"
    shown = f"{changes}\n\n{suite.path}: {said}" if changes else f"{suite.path}: no gate moves"
    result = [{"place": list(place), "value": value} for place, value in moved.items()]
    return {"written": write and bool(changes), "bounds": result}, shown, 0


GATE = Command("judge a saved run by its suite's gates", "optkit gate out/run.json --all", _options, _run)
