"""`optkit ab`: time two models, or two builds of a suite, against each other."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

from optkit.commands.command import Command, add_time_limit, count, seconds
from optkit.commands.judging import add_judging
from optkit.commands.reporting import add_reporting, reported
from optkit.judge.ab import Design, compare_pairs, exit_code
from optkit.judge.pairs import Pair, find_pairs
from optkit.measure.paired import PairedTiming
from optkit.measure.paired_process import run_process
from optkit.report import comparison, markdown, markdown_tables
from optkit.spec.keys import file_sha256
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
    about = "leave out a pair whose two files are one and the same: its time cannot have changed"
    parser.add_argument("--changed", action="store_true", help=about)
    add_time_limit(parser)


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    design = Design(margin=options.margin, false_alarm=options.false_alarm, miss=options.miss)
    suite = options.suite
    pairing = find_pairs(options.base, options.head, (lambda: open_suite(suite, options.data)) if suite else None)
    unchanged = [pair.name for pair in pairing.pairs if options.changed and _is_one_file(pair)]
    pairs = tuple(pair for pair in pairing.pairs if pair.name not in unchanged)
    measure = functools.partial(_measure, threads=options.threads, batch=options.batch, limit=options.time_limit)
    judgements = compare_pairs(pairs, measure, design, options.budget)
    alone = [name for name in (*pairing.missing, *pairing.new) if name not in options.allow]
    result = {
        "design": design,
        "threads": options.threads,
        "batch": options.batch,
        "judgements": judgements,
        "missing": pairing.missing,
        "new": pairing.new,
        "not_allowed": alone,
        "unchanged": unchanged,
    }
    shown = comparison.judgements_text(judgements, pairing, design, alone)
    same = [f"the same file on both sides, not timed: {', '.join(unchanged)}"] if unchanged else []
    shown = "\n".join([*same, shown])
    code = 1 if alone else exit_code(judgements)
    table = markdown_tables.ab_table(judgements, unchanged)
    code = reported(options, "optkit ab", markdown.ab_culprits(judgements, alone), shown, code, table=table)
    return result, shown, code


def _is_one_file(pair: Pair) -> bool:
    return file_sha256(pair.base) == file_sha256(pair.head)


def _measure(pair: Pair, number: int, *, threads: int, batch: int, limit: float | None) -> PairedTiming:
    return run_process(pair.base, pair.head, number=number, threads=threads, batch=batch, limit=limit)


AB = Command(
    "time two models, or two builds of a suite, against each other",
    "optkit ab base.tflite head.tflite --margin 2%",
    _options,
    _run,
)
