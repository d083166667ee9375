"""`optkit ab`: time two models, or two builds of a suite, against each other."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

from optkit.commands.command import Command, add_time_limit, count, seconds
from optkit.commands.judging import add_judging
from optkit.commands.reporting import add_reporting, reported
from optkit.data import Dataset
from optkit.files.configuration import allowed_packages
from optkit.judge.ab import Design, compare_pairs, exit_code
from optkit.judge.pairs import Pair, find_pairs
from optkit.measure.paired import PairedTiming
from optkit.measure.paired_process import run_process
from optkit.report import comparison, markdown
from optkit.spec import Suite
from optkit.suites import open_suite


def _options(parser: argparse.ArgumentParser) -> None:
    add_judging(parser)
    add_reporting(parser)
    about = "a .tflite file, the output of optkit build --json, or a store (with --suite)"
    for side in ("base", "head"):
        parser.add_argument(side, type=Path, metavar=side.upper(), help=about)
    parser.add_argument("--threads", type=count, default=1, metavar="N", help="threads of each interpreter (1)")
    parser.add_argument("--batch", type=count, default=1, metavar="N", help="samples in a call (1)")
    parser.add_argument("--budget", type=seconds, default=60.0, metavar="SECONDS", help="longest time of a pair (60)")
    parser.add_argument("--suite", metavar="SUITE", help="whose variants to look for when BASE or HEAD is a store")
    parser.add_argument("--data", default="auto", metavar="WHICH", help="the data that the stores were built with")
    add_time_limit(parser)


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    design = Design(margin=options.margin, false_alarm=options.false_alarm, miss=options.miss)
    pairing = find_pairs(options.base, options.head, functools.partial(_opened, options) if options.suite else None)
    measure = functools.partial(_measure, threads=options.threads, batch=options.batch, limit=options.time_limit)
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
    code = 1 if alone else exit_code(judgements)
    return result, shown, reported(options, "optkit ab", markdown.ab_culprits(judgements, alone), shown, code)


def _opened(options: argparse.Namespace, store: Path) -> tuple[Suite, Dataset]:
    return open_suite(options.suite, options.data, allowed=allowed_packages(), store=store)


def _measure(pair: Pair, number: int, *, threads: int, batch: int, limit: float | None) -> PairedTiming:
    return run_process(pair.base, pair.head, number=number, threads=threads, batch=batch, limit=limit)


AB = Command(
    "time two models, or two builds of a suite, against each other",
    "optkit ab base.tflite head.tflite --margin 2%",
    _options,
    _run,
)
