"""`optkit choose`: the variant of a saved run to ship, and why no other."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from optkit import __version__
from optkit.build.shared import open_store
from optkit.commands.bounds import add_bounds, given_bounds
from optkit.commands.command import Command, add_store, count, folder
from optkit.errors import OptkitError
from optkit.judge.advise import WISHES
from optkit.judge.card import card_of
from optkit.judge.choice import Choice
from optkit.judge.choose import choose_within
from optkit.judge.fits import fit
from optkit.record.card import file_to_ship, ship
from optkit.record.lineage import rebuild_command
from optkit.record.run import Run, read_run
from optkit.report.card import card_markdown
from optkit.report.choose import choice_text
from optkit.report.targets import reason_text
from optkit.spec.bounds import Bound, read_bounds
from optkit.suites import load_suite
from optkit.suites.budget import read_budget


def _options(parser: argparse.ArgumentParser) -> None:
    add_store(parser)
    parser.add_argument("run_file", type=Path, metavar="RUN.json", help="saved by --benchmark-json or optkit bench -o")
    add_bounds(parser, "Without any, the budget of the suite holds.")
    about = "each bound must hold with this confidence, such as 95%% (default: for the figure itself)"
    parser.add_argument("--at", metavar="PERCENT", help=about)
    about = "times and speed-ups on this many threads (default: a bound holds for every number that was timed)"
    parser.add_argument("--threads", type=count, metavar="N", help=about)
    parser.add_argument("--runtime", default="", metavar="NAME", help="only what this ran, such as litert")
    about = "only what fits this target of the suite: all its limits hold, as the run has them"
    parser.add_argument("--target", default="", metavar="NAME", help=about)
    about = "what is best of all that fits (smallest, by zip bytes)"
    parser.add_argument("--wish", choices=WISHES, default="smallest", help=about)
    about = "whose budget holds when no bound is given (default: of the suite that the run names)"
    parser.add_argument("--suite", metavar="SUITE", help=about)
    about = "copy the file there, with its model card"
    parser.add_argument("-o", "--output", type=folder, metavar="DIR", help=about)


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    run = read_run(options.run_file)
    choice = choose_within(
        run,
        _bounds(options, run),
        at=options.at,
        threads=(options.threads,) if options.threads else (),
        runtime=options.runtime,
        wish=options.wish,
        removed=_misfits(options, run) if options.target else None,
    )
    shown = choice_text(choice, run)
    written: dict[str, str] = {}
    if options.output and choice.chosen:
        written = _ship(options, run, choice, choice.chosen)
        shown = "\n".join([shown, "", *(f"written: {place}" for place in written.values())])
    return _result(choice, written), shown, 0 if choice.chosen else 3


def _bounds(options: argparse.Namespace, run: Run) -> tuple[Bound, ...]:
    """Return the bounds that are given, else those of the suite's budget. Raises OptkitError when there are none."""
    given = given_bounds(options)
    if given:
        try:
            return read_bounds(given)
        except ValueError as error:
            raise OptkitError(str(error)) from error
    suite = _suite(options, run)
    budget = read_budget(suite)
    if not budget and not options.target:
        raise OptkitError(
            f"no bound is given, and the suite {suite} has no budget; give one, such as --max-drop 0.5%, or add "
            "budget = { drop = 0.005 } to a suite file of schema 2"
        )
    return budget


def _suite(options: argparse.Namespace, run: Run) -> str:
    return options.suite or next(iter(run.variants.values())).suite_path or run.suite


def _misfits(options: argparse.Namespace, run: Run) -> dict[str, str]:
    """Return why the variants of the run that do not fit the target are out, by name."""
    suite = load_suite(_suite(options, run), run.dataset.name)
    found = {}
    for name in run.variants:
        one = fit(suite.target(options.target), suite.variant(name), run)
        if one.status != "pass":
            found[name] = f"it does not fit {options.target}: {reason_text(one.first)}" if one.first else "not judged"
    return found


def _ship(options: argparse.Namespace, run: Run, choice: Choice, name: str) -> dict[str, str]:
    facts = run.variants[name]
    source, suffix = file_to_ship(facts, open_store(options.store), rebuild_command(facts))
    card = card_of(run, choice, name, __version__, suffix)
    return {what: str(path) for what, path in ship(card, card_markdown(card), source, options.output).items()}


def _result(choice: Choice, written: dict[str, str]) -> dict[str, Any]:
    return {
        "schema": 1,
        "suite": choice.suite,
        "wish": choice.wish,
        "at": choice.at,
        "bounds": {bound.key: bound.value for bound in choice.bounds},
        "chosen": choice.chosen,
        "objectives": choice.objectives,
        "front": choice.front,
        "variants": [
            {
                "variant": one.variant,
                "place": one.place,
                "on_front": one.on_front,
                "dominated_by": one.dominated_by,
                "why": one.why,
                "checks": [
                    {
                        **{key: value for key, value in msgspec.to_builtins(check).items() if key != "bound"},
                        "bound": check.bound.key,
                        "fits": check.fits,
                        "excess": check.excess if check.needed is not None else None,
                    }
                    for check in one.checks
                ],
            }
            for one in choice.candidates
        ],
        "nearest": choice.nearest,
        "relaxations": choice.relaxations,
        "written": written,
    }


CHOOSE = Command(
    "name the variant of a saved run to ship, and why no other; exit code 3 when nothing fits",
    "optkit choose run.json --max-zip-bytes 10000 --max-drop 0.5% --max-single-sample-us 20 -o ship",
    _options,
    _run,
)
