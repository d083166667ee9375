"""`optkit ab`: time two models, or two builds of a suite, against each other."""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from optkit.commands.command import Command, add_time_limit, count, seconds
from optkit.commands.judging import add_judging, printed, tolerances_of
from optkit.commands.reporting import add_reporting, reported
from optkit.data import Dataset
from optkit.files.configuration import allowed_packages
from optkit.judge.ab import LOOKS, Measure, compare_pairs
from optkit.judge.pairs import Pair, find_pairs
from optkit.judge.verdicts import ChangeVerdict, exit_code
from optkit.measure.paired import PairedTiming
from optkit.measure.paired_process import run_process
from optkit.report import comparison, markdown, markdown_tables
from optkit.report.progress import Told, shown_work
from optkit.report.words import spoken
from optkit.spec import Suite
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
    tolerances = tolerances_of(options)
    pairing = find_pairs(options.base, options.head, functools.partial(_opened, options) if options.suite else None)
    unchanged = [pair.name for pair in pairing.pairs if options.changed and _is_one_file(pair)]
    pairs = tuple(pair for pair in pairing.pairs if pair.name not in unchanged)
    measure = functools.partial(_measure, threads=options.threads, batch=options.batch, limit=options.time_limit)
    with shown_work("timing in turns") as told:
        telling = _telling(measure, pairs, options.budget, told)
        judgements = compare_pairs(pairs, telling, tolerances, options.budget)
    alone = [name for name in (*pairing.missing, *pairing.new) if name not in options.allow]
    result = {
        "design": {**printed(tolerances), "looks": LOOKS},
        "threads": options.threads,
        "batch": options.batch,
        "judgements": [{**printed(one), "verdict": spoken("seconds", one.verdict)} for one in judgements],
        "missing": pairing.missing,
        "new": pairing.new,
        "not_allowed": alone,
        "unchanged": unchanged,
    }
    text = comparison.judgements_text(judgements, pairing, tolerances, alone, unchanged=unchanged)
    verdicts: list[ChangeVerdict] = [one.verdict for one in judgements]
    code = 1 if alone else exit_code([*verdicts, "same"] if unchanged else verdicts)
    table, culprits = markdown_tables.ab_table(judgements, unchanged), markdown.ab_culprits(judgements, alone)
    return result, text, reported(options, "optkit ab", culprits, text, code, table=table)


def _is_one_file(pair: Pair) -> bool:
    return file_sha256(pair.base) == file_sha256(pair.head)


def _telling(measure: Measure, pairs: Sequence[Pair], budget: float, told: Told) -> Measure:
    """Return `measure`, which also tells how far the pairs are: each takes its whole budget at most."""
    began: dict[int, float] = {}

    def tell(pair: Pair, number: int) -> PairedTiming:
        place = pairs.index(pair)
        spent = time.monotonic() - began.setdefault(place, time.monotonic())
        state = f"{pair.name}: process {number + 1}" + (f", pair {place + 1} of {len(pairs)}" if len(pairs) > 1 else "")
        told((place + min(spent / budget, 1.0)) / len(pairs), state)
        return measure(pair, number)

    return tell


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
