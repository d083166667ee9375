"""`optkit advise`: name the recipe to start with, and the command that builds it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from optkit.commands.command import Command
from optkit.errors import SuiteError, nearest
from optkit.judge.advise import DATA, HARDWARE, TARGETS, WISHES, Target, advise, suite_with
from optkit.judge.evidence import evidence_of
from optkit.record.run import read_run
from optkit.report import text
from optkit.report.evidence import evidence_text
from optkit.suites import load_suite


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", choices=DATA, required=True, help="the data at hand to train or calibrate with")
    about = f"the hardware the model will run on: {', '.join(TARGETS)}; or a target of the suite, by its name"
    parser.add_argument("--target", required=True, metavar="NAME", help=about)
    parser.add_argument("--wish", choices=WISHES, required=True, help="what matters most")
    about = "compare the rule with a saved run: does what it recommends do best there?"
    parser.add_argument("--run", dest="saved", type=Path, metavar="RUN.json", help=about)
    parser.add_argument("--write", type=Path, metavar="NEW.toml", help="write a suite with the recipe as a variant")
    about = "the suite to add it to, and whose targets may be named (default: mnist)"
    parser.add_argument("--suite", default="mnist", metavar="SUITE", help=about)


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    hardware, limits = _hardware(options)
    advice = advise(options.data, hardware, options.wish)
    if options.write:
        content = suite_with(advice, options.suite)
        try:
            with options.write.open("x", encoding="utf-8") as file:  # never over a file that is there
                file.write(content)
        except OSError as error:
            raise SuiteError(f"{options.write} cannot be written ({error.strerror}); give a new .toml file") from error
    found = evidence_of(advice, read_run(options.saved)) if options.saved and advice.scheme else None
    shown = text.advice_text(advice)
    if limits:
        shown = f"{shown}\n\n{options.target} must keep: {limits}"
    if advice.scheme:
        shown = f"{shown}\n\n{evidence_text(advice.title, found)}"
    said = None if found is None else {**msgspec.to_builtins(found), "agrees": found.agrees}
    return {**msgspec.to_builtins(advice), "evidence": said}, shown, 0 if advice.scheme else 3


def _hardware(options: argparse.Namespace) -> tuple[Target, str]:
    """Return the hardware that is meant, and the limits of a suite's target. Raises SuiteError for an unknown name."""
    for name in TARGETS:
        if options.target == name:
            return name, ""
    suite = load_suite(options.suite)
    known = {target.name: target for target in suite.targets}
    if options.target not in known:
        raise SuiteError(
            f"there is no target {options.target!r}; {nearest(options.target, (*TARGETS, *known))}; "
            "name a suite that has it with --suite"
        )
    found = known[options.target]
    return HARDWARE[found.of], ", ".join(f"{gate.metric} {gate.bound_text}" for gate in found.gates)


ADVISE = Command(
    "name the recipe to start with, and the command that builds it; exit code 3 when no scheme fits",
    "optkit advise --data unlabelled --target edge_tpu --wish smallest",
    _options,
    _run,
)
