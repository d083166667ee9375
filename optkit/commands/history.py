"""`optkit history`: a folder of saved runs as tables and trends, with the changes located."""

from __future__ import annotations

import argparse
import contextlib
import gc
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec

from optkit.commands.command import Command, fraction, names
from optkit.commands.judging import printed
from optkit.commands.reporting import add_reporting, reported
from optkit.errors import OptkitError, nearest
from optkit.judge.history import METRICS, make_history
from optkit.judge.saved_runs import SavedRun, read_runs
from optkit.judge.tolerances import Tolerances
from optkit.report.history import history_text


def _options(parser: argparse.ArgumentParser) -> None:
    add_reporting(parser)
    parser.add_argument("folder", type=Path, metavar="DIR", help="of pytest --benchmark-autosave: .benchmarks")
    parser.add_argument("--suite", metavar="SUITE", help="only runs of this suite (all)")
    parser.add_argument("--variants", type=names, default=(), metavar="A,B", help="only these variants (all)")
    parser.add_argument(
        "--metric", type=names, default=METRICS, metavar="A,B", help=f"only these metrics ({','.join(METRICS)})"
    )
    parser.add_argument("--since", type=_date, metavar="DATE", help="only runs made then or later, such as 2026-01-31")
    tolerances = Tolerances()
    for name, default, about in (
        ("--margin", tolerances.margin, "the change of time that counts"),
        ("--max-drop", tolerances.max_drop, "the change of accuracy that counts, of the test samples"),
        ("--max-growth", tolerances.max_growth, "the change of a size that counts"),
        ("--false-alarm", tolerances.family_alpha, "chance of any false change in the whole invocation"),
    ):
        about = f"{about} ({100 * default:g}%%)"
        parser.add_argument(name, type=fraction, default=default, metavar="PERCENT", help=about)
    parser.add_argument(
        "--fail-on-change", action="store_true", help="exit with 1 when the newest run of a series is worse than before"
    )


def _date(value: str) -> datetime:
    """Turn a date, or a date with time, into a moment; without a time zone, of UTC."""
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {value!r}; expected a date, such as 2026-01-31") from None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    tolerances = Tolerances(
        margin=options.margin,
        family_alpha=options.false_alarm,
        max_drop=options.max_drop,
        max_growth=options.max_growth,
    )
    with _without_collecting():
        runs, unread = read_runs(options.folder)
        history = make_history(
            _selected(runs, options), tolerances, unread=unread, variants=options.variants, metrics=options.metric
        )
    code = int(options.fail_on_change and any(series.worsened for series in history.series))
    result = {"rules": printed(tolerances), **msgspec.to_builtins(history), "exit_code": code}
    for shown, series in zip(result["series"], history.series, strict=True):
        shown["worsened"] = series.worsened
    text = history_text(history, tolerances)
    return result, text, reported(options, "optkit history", (), text, code)


@contextlib.contextmanager
def _without_collecting() -> Iterator[None]:
    """Keep the search for cycles off: a history is many small values without any, and it takes a fifth of the time."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


def _selected(runs: tuple[SavedRun, ...], options: argparse.Namespace) -> tuple[SavedRun, ...]:
    """Return the runs since --since and of --suite. Raises OptkitError when there are none."""
    if options.since:
        runs = tuple(saved for saved in runs if saved.made >= options.since)
        if not runs:
            raise OptkitError(f"{options.folder} has no run made since {options.since}; give an earlier date")
    if options.suite:
        known = {saved.run.suite for saved in runs}
        runs = tuple(saved for saved in runs if saved.run.suite == options.suite)
        if not runs:
            raise OptkitError(f"the history has no suite {options.suite!r}; {nearest(options.suite, known)}")
    return runs


HISTORY = Command("show saved runs over time and locate changes", "optkit history .benchmarks", _options, _run)
