"""`optkit bench`: build a suite, time it in fresh processes, judge it by its gates."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from optkit.build.builder import ensure_variants
from optkit.build.shared import open_store
from optkit.build.store import Store
from optkit.commands.choosing import open_chosen
from optkit.commands.command import Command, add_data, add_store, add_workers, count, folder, names
from optkit.commands.report import report_run
from optkit.errors import OptkitError
from optkit.judge.fits import fits, row
from optkit.judge.gates import Verdict, check_run, exit_code, explain, remember
from optkit.record.run import Run, read_run, run_of
from optkit.record.sessions import Document, run_session, run_sessions, save
from optkit.report import text
from optkit.report.gates import gate_notes
from optkit.report.html import check_extra
from optkit.report.progress import counted, shown_work
from optkit.report.targets import targets_text
from optkit.runtime.chosen import check_variants
from optkit.spec import Suite
from optkit.suites import place_of


def _options(parser: argparse.ArgumentParser) -> None:
    add_store(parser)
    parser.add_argument("suite", metavar="SUITE", help="a built-in suite's name, or the path of a .toml file")
    parser.add_argument("--variants", type=names, default=(), metavar="A,B", help="these, and what they need (all)")
    add_data(parser, "which data")
    add_workers(parser)
    parser.add_argument("--threads", metavar="1,2", help="thread counts (default: 1 and the number of cores)")
    parser.add_argument("--sessions", type=count, default=1, metavar="N", help="processes to time in (1)")
    about = "time full sets in the way of this saved run (default: as a trial in the first session chooses)"
    parser.add_argument("--like", type=Path, metavar="RUN.json", help=about)
    parser.add_argument("--no-gates", action="store_true", help="time, and judge nothing")
    about = 'more options for each pytest, such as --pytest="--benchmark-max-time=0.1"'
    parser.add_argument("--pytest", type=shlex.split, default=[], metavar="OPTIONS", help=about)
    parser.add_argument("-o", "--output", type=folder, metavar="RUN.json", help="save the merged run")
    about = "write a page on the run there, as optkit report does"
    parser.add_argument("--report", type=folder, metavar="DIR", help=about)


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    if options.output and options.output.is_dir():
        raise OptkitError(f"{options.output} is a folder; give a file with -o, such as {options.output / 'run.json'}")
    if options.output and not options.output.parent.is_dir():
        raise OptkitError(f"{options.output.parent} is no folder; make it, or give another file with -o")
    if options.report:
        check_extra()
    if options.like:
        read_run(options.like)
    suite, dataset = open_chosen(options)
    check_variants(suite.measured(options.variants))
    store = open_store(options.store)
    ensure_variants(suite, suite.measured(options.variants), dataset, store, options.data, options.workers)
    document = _timed(options, store)
    run = run_of(document)
    if options.output:
        save(document, options.output)
    if options.report:
        report_run(run, dataset, store, options.report, options.output)
    verdicts = [] if options.no_gates else _judge(suite, run, store)
    shown = [text.summary(run, verdicts)]
    rows = fits(suite, run)
    if rows:
        shown.append(targets_text(suite, run, rows))
    if not options.no_gates:
        shown.append(text.verdicts_text(verdicts, notes=gate_notes(suite, run, verdicts)))
    result = {**_result(run, verdicts, options), "targets": [row(one, run) for one in rows]}
    return result, "\n\n".join(shown), exit_code(verdicts) if verdicts else 0


def _arguments(options: argparse.Namespace, store: Store) -> list[str]:
    place = place_of(options.suite).absolute()
    found = [str(place), f"--optkit-suite={options.suite}", f"--optkit-store={store.place}"]
    found += [f"--optkit-data={options.data}"]
    found += [f"--optkit-variants={','.join(options.variants)}"] if options.variants else []
    found += [f"--optkit-threads={options.threads}"] if options.threads else []
    found += [f"--optkit-allow={','.join(options.allow)}"] if options.allow else []
    return [*found, *options.pytest]


def _timed(options: argparse.Namespace, store: Store) -> Document:
    """Run the sessions, and show on a terminal how far they are."""
    with shown_work("timing") as told:
        begun: list[int] = []

        def session(arguments: Sequence[str]) -> Document:
            return run_session(arguments, counted(told, begun[-1], options.sessions))

        return run_sessions(options.sessions, _arguments(options, store), options.like, begun.append, session)


def _judge(suite: Suite, run: Run, store: Store) -> list[Verdict]:
    """Judge what was timed, and remember what passed, as a session's own gates do."""
    verdicts = check_run(suite, run)
    explained = [explain(store, run, verdict) for verdict in verdicts]
    remember(store, run, verdicts)
    return explained


def _result(run: Run, verdicts: list[Verdict], options: argparse.Namespace) -> dict[str, Any]:
    base = run.variants.get(run.baseline)
    keras = base is not None and base.kind == "keras"
    over = run.float_file or (None if keras else run.baseline)
    return {
        "suite": run.suite,
        "output": str(options.output) if options.output else None,
        "sessions": run.sessions,
        "benchmarks": [
            {
                "variant": timing.variant,
                "mode": timing.mode,
                "threads": timing.threads,
                "seconds": timing.seconds,
                "speedup": run.speedup(timing, over) if over else None,
                "speedup_over": over,
                "predict_speedup": run.speedup(timing) if keras and timing.mode != "single_sample" else None,
                "normalized": run.normalized(timing),
                "by_session": [
                    {"seconds": one.seconds, "normalized": one.normalized}
                    for one in run.timings
                    if one.benchmark == timing.benchmark
                ],
            }
            for timing in run.benchmarks
        ],
        "verdicts": [{**msgspec.to_builtins(v), "bound": v.gate.bound_text} for v in verdicts],
    }


BENCH = Command(
    "build a suite, time it in fresh processes, judge it by its gates",
    "optkit bench mnist --sessions 5 -o run.json",
    _options,
    _run,
)
