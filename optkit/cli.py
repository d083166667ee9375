"""The `optkit` command: parse, call, print, set the exit code.

Exit codes: 0 good, 1 a gate failed or a regression was found, 2 bad usage or bad input, 3 inconclusive or not
comparable.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from optkit import __version__
from optkit.ab import Design, compare_pairs
from optkit.ab import exit_code as ab_exit_code
from optkit.build import build_variants
from optkit.compare import Comparison, compare_runs
from optkit.data import DATA_MODES
from optkit.deltas import Rules
from optkit.errors import OptkitError, SchemaError
from optkit.gates import check_run, exit_code, explain
from optkit.measure.paired import PairedTiming, run_process
from optkit.pairs import Pair, find_pairs
from optkit.record import read_run
from optkit.report import comparison, text
from optkit.report.progress import shown_progress
from optkit.spec import canonical
from optkit.store import Store
from optkit.suites import built_in, load_suite, open_suite


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    options = _parser().parse_args(arguments)
    warnings.showwarning = _show_warning
    try:
        result, shown, code = options.run(options)
    except OptkitError as error:
        if options.json:
            print(json.dumps({"error": str(error)}))
        print(f"optkit: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("optkit: interrupted; nothing half-made was kept", file=sys.stderr)
        return 130
    print(msgspec.json.format(msgspec.json.encode(result), indent=1).decode() if options.json else shown)
    return int(code)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"optkit: warning: {message}", file=sys.stderr)


def _list(options: argparse.Namespace) -> tuple[Any, str, int]:
    if options.suite is None:
        suites = [load_suite(name) for name in built_in()]
        result = [
            {"suite": s.name, "description": s.description, "variants": [v.name for v in s.variants]} for s in suites
        ]
        return result, text.suites_table(suites), 0
    suite = load_suite(options.suite)
    result = [
        {
            "variant": variant.name,
            "kind": variant.kind,
            "steps": canonical(variant.steps),
            "conversion": canonical(variant.conversion),
            "gates": canonical(suite.gates_of(variant)),
        }
        for variant in suite.variants
    ]
    return result, text.variants_table(suite), 0


def _build(options: argparse.Namespace) -> tuple[Any, str, int]:
    load_suite(options.suite).select(options.variants)  # before any data is read
    suite, dataset = open_suite(options.suite, options.data)
    variants = suite.select(options.variants)
    with shown_progress() as progress:
        artifacts = list(build_variants(suite, variants, dataset, Store(options.store), progress).values())
    result = [
        {
            "variant": a.variant,
            "path": str(a.path),
            "key": a.key,
            "sha256": a.sha256,
            "file_bytes": a.file_bytes,
            "zip_bytes": a.zip_bytes,
        }
        for a in artifacts
    ]
    return result, f"{suite.name} on {dataset}\n\n{text.artifacts_table(artifacts)}", 0


def _gate(options: argparse.Namespace) -> tuple[Any, str, int]:
    run = read_run(options.run_file)
    recorded = next(iter(run.variants.values())).suite_path
    suite = load_suite(options.suite or recorded or run.suite, run.dataset.name)
    store = Store(options.store)
    verdicts = [explain(store, run, verdict) for verdict in check_run(suite, run)]
    result = [{**msgspec.to_builtins(v), "bound": v.gate.bound_text} for v in verdicts]
    return result, text.verdicts_text(verdicts, passed=options.all), exit_code(verdicts)


def _ab(options: argparse.Namespace) -> tuple[Any, str, int]:
    design = Design(margin=options.margin, false_alarm=options.false_alarm, miss=options.miss)
    suite = options.suite
    pairing = find_pairs(options.base, options.head, (lambda: open_suite(suite, options.data)) if suite else None)
    measure = functools.partial(_measure, threads=options.threads, batch=options.batch)
    judgements = compare_pairs(pairing.pairs, measure, design, options.budget)
    alone = [name for name in (*pairing.missing, *pairing.new) if name not in options.allow]
    result = {
        "design": design,
        "threads": options.threads,
        "batch": options.batch,
        "judgements": judgements,
        "missing": pairing.missing,
        "new": pairing.new,
        "not_allowed": alone,
    }
    shown = comparison.judgements_text(judgements, pairing, design, alone)
    return result, shown, 1 if alone else ab_exit_code(judgements)


def _measure(pair: Pair, number: int, *, threads: int, batch: int) -> PairedTiming:
    return run_process(pair.base, pair.head, number=number, threads=threads, batch=batch)


def _compare(options: argparse.Namespace) -> tuple[Any, str, int]:
    names = [field.name for field in dataclasses.fields(Rules)]
    rules = Rules(**{name: getattr(options, name) for name in names})
    try:
        found = compare_runs(read_run(options.base), read_run(options.head), rules)
    except SchemaError as error:
        found = Comparison(refusals=(str(error),))
    result = {"rules": rules, **msgspec.to_builtins(found), "exit_code": found.exit_code}
    return result, comparison.comparison_text(found, rules), found.exit_code


def _fraction(value: str) -> float:
    """Turn `2%` or `0.02` into 0.02."""
    try:
        return float(value[:-1]) / 100 if value.endswith("%") else float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {value!r}; expected a percentage or a fraction, such as 2%") from None


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"got {value!r}; expected seconds, more than 0")
    return seconds


def _count(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise argparse.ArgumentTypeError(f"got {value!r}; expected a whole number of 1 or more")
    return int(value)


def _names(value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    if not names:
        raise argparse.ArgumentTypeError(f"{value!r} names nothing; expected names with commas between them")
    return names


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")
    store = argparse.ArgumentParser(add_help=False)
    store.add_argument(
        "--store",
        type=Path,
        metavar="DIR",
        help="artifact store (default: OPTKIT_STORE, else the user's cache)",
    )

    parser = argparse.ArgumentParser(
        prog="optkit",
        description="Evidence for model compression: which optimized form of a model to ship, and is it worse today?",
        epilog="Exit codes: 0 good, 1 a gate failed or a regression was found, 2 bad usage or bad input, "
        "3 inconclusive or not comparable.",
    )
    parser.add_argument("--version", action="version", version=f"optkit {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, run: Any, about: str, example: str, *parents: argparse.ArgumentParser
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            parents=[shared, *parents],
            help=about,
            description=f"{about[0].upper()}{about[1:]}.",
            epilog=f"Example: {example}",
        )
        sub.set_defaults(run=run)
        return sub

    sub = command("list", _list, "list the suites, or the variants and gates of one", "optkit list mnist")
    sub.add_argument("suite", nargs="?", metavar="SUITE", help="a built-in suite's name, or the path of a .toml file")

    sub = command(
        "build",
        _build,
        "build variants and print where they are",
        "optkit build mnist --variants baseline,int8",
        store,
    )
    sub.add_argument("suite", metavar="SUITE", help="a built-in suite's name, or the path of a .toml file")
    sub.add_argument("--variants", type=_names, default=(), metavar="A,B", help="only these (default: all)")
    sub.add_argument(
        "--data",
        choices=DATA_MODES,
        default="auto",
        help="full data, the small embedded set, or what there is",
    )

    sub = command("gate", _gate, "judge a saved run by its suite's gates", "optkit gate out/run.json", store)
    sub.add_argument("run_file", type=Path, metavar="RUN.json", help="saved by pytest --benchmark-json or make bench")
    sub.add_argument("--suite", metavar="SUITE", help="the suite whose gates to use (default: the one the run names)")
    sub.add_argument("--all", action="store_true", help="also print the gates that passed")

    judged = _judging_options()
    sub = command(
        "ab",
        _ab,
        "time two models, or two builds of a suite, against each other",
        "optkit ab base.tflite head.tflite --margin 2%%",
        judged,
    )
    for side in ("base", "head"):
        sub.add_argument(
            side,
            type=Path,
            metavar=side.upper(),
            help="a .tflite file, the output of optkit build --json, or a store (with --suite)",
        )
    sub.add_argument("--threads", type=_count, default=1, metavar="N", help="threads of each interpreter (1)")
    sub.add_argument("--batch", type=_count, default=1, metavar="N", help="samples in a call (1)")
    sub.add_argument("--budget", type=_seconds, default=60.0, metavar="SECONDS", help="longest time for one pair (60)")
    sub.add_argument("--suite", metavar="SUITE", help="whose variants to look for when BASE or HEAD is a store")
    sub.add_argument("--data", choices=DATA_MODES, default="auto", help="the data that the stores were built with")

    sub = command(
        "compare",
        _compare,
        "compare two saved runs",
        "optkit compare base.json head.json --allow new_variant",
        judged,
    )
    for side in ("base", "head"):
        sub.add_argument(side, type=Path, metavar=f"{side.upper()}.json", help="saved by pytest --benchmark-json")
    rules = Rules()
    for name, default, about in (
        ("--max-drop", rules.max_drop, "largest drop of accuracy that passes, of the test samples"),
        ("--max-growth", rules.max_growth, "largest growth of a file that passes"),
    ):
        about = f"{about} ({100 * default:g}%%)"
        sub.add_argument(name, type=_fraction, default=default, metavar="PERCENT", help=about)
    sub.add_argument(
        "--across-environments",
        action="store_true",
        help="compare runs of different processors or library versions, times only normalized",
    )
    return parser


def _judging_options() -> argparse.ArgumentParser:
    """The options of every command that tells a change from noise."""
    design = Design()
    judged = argparse.ArgumentParser(add_help=False)
    for name, default, about in (
        ("--margin", design.margin, "the change of time that matters"),
        ("--false-alarm", design.false_alarm, "chance of any false alarm in the whole invocation"),
        ("--miss", design.miss, "chance for a benchmark that a change of the margin is called the same"),
    ):
        judged.add_argument(
            name, type=_fraction, default=default, metavar="PERCENT", help=f"{about} ({100 * default:g}%%)"
        )
    judged.add_argument(
        "--allow", type=_names, default=(), metavar="A,B", help="names that may be missing, new or renamed"
    )
    return judged
