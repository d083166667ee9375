"""How often `optkit history` finds a change where there is none, on this machine's own series: record, keep, count.

python -m benchmarks.studies.measure_history_nulls record out/null --sessions 200 --pytest='--threads 1 --variants int8'
python -m benchmarks.studies.measure_history_nulls keep out/null -o docs/results/history_null.json
python -m benchmarks.studies.measure_history_nulls table docs/results/history_null.json docs/evidence/history.md
python -m benchmarks.studies.measure_history_nulls example out/null docs/history.md

`record` goes on where it was stopped; nothing of the models may change meanwhile. The first command records in the
way of a user, `pytest --benchmark-only --benchmark-autosave`, one session after the other. The windows of `table` are
runs in the order they were made: what breaks the rate, that neighbours are alike, is in them.
"""

import argparse
import json
import math
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.studies.publish import call, replace_between
from optkit import OptkitError
from optkit.judge.history import make_history
from optkit.judge.saved_runs import SavedRun, read_runs
from optkit.judge.segments import time_changes
from optkit.judge.tolerances import Tolerances
from optkit.record.sessions import environment
from optkit.report.history import history_text
from optkit.stats.changepoints import locate, scatter

SCHEMA = 1
LENGTHS, LEVELS = (20, 40, 80), (0.01, 0.05)
BLOCK, RESAMPLED = 10, 200
SLOWDOWNS = (1.03, 1.05, 1.10)


def record(options: argparse.Namespace) -> None:
    """Run sessions until the folder has as many as asked for."""
    storage = (
        "--benchmark-autosave",
        "--benchmark-save-data",
        f"--benchmark-storage=file://{options.folder.resolve()}",
    )
    command = [sys.executable, "-m", "pytest", "benchmarks/test_latency.py", "--benchmark-only", "--benchmark-quiet"]
    while (done := len(list(options.folder.rglob("*.json")))) < options.sessions:
        ended = subprocess.run(
            [*command, "-q", "-k", options.modes, *storage, *options.pytest],
            env=environment(),
            capture_output=True,
            text=True,
        )
        if ended.returncode or len(list(options.folder.rglob("*.json"))) == done:
            raise OptkitError(
                f"a session ended with code {ended.returncode} and saved nothing:\n{ended.stdout[-2000:]}"
            )
        print(f"{done + 1} of {options.sessions} sessions", flush=True)


def keep(options: argparse.Namespace) -> None:
    """Keep each series' raw values, in seconds and in times of the reference, as JSON."""
    runs, unread = read_runs(options.folder)
    if unread:
        raise OptkitError(f"{unread[0].path} cannot be read: {unread[0].reason}")
    history = make_history(runs, Tolerances(), metrics=("seconds",))
    if len(history.environments) > 1:
        raise OptkitError(f"{options.folder} has runs of several environments; record one series on one machine")
    found = {
        "schema": SCHEMA,
        "environment": runs[0].run.environment,
        "suite": runs[0].run.suite,
        "artifacts": _artifacts(runs),
        "made": [saved.made.isoformat(timespec="seconds") for saved in runs],
        "series": [
            {"name": one.name, "unit": one.unit, "values": [point.value for point in one.points]}
            for one in history.series
            if len(one.points) == len(runs)
        ]
        + list(_raw(runs)),
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(found, indent=1))


def _artifacts(runs: Sequence[SavedRun]) -> dict[str, str]:
    found: dict[str, str] = {}
    for saved in runs:
        for one in saved.run.variants:
            if found.setdefault(one.name, one.sha256) != one.sha256:
                raise OptkitError(f"{one.name} of {saved.path} is another file; a null series times one and the same")
    return found


def _raw(runs: Sequence[SavedRun]) -> Iterator[dict[str, Any]]:
    """Yield the same series in plain seconds, where they are in times of the reference."""
    first = runs[0].run.timings
    names = [one.setting.name for one in first if one.reference_seconds and not one.setting.strategy]
    for name in names:
        timings = [[t for t in saved.run.timings if t.setting.name == name] for saved in runs]
        yield {"name": name, "unit": "seconds", "values": [np.median([t.seconds for t in one]) for one in timings]}


def judge(values: Sequence[float], level: float) -> tuple[bool, bool]:
    """Say whether `optkit history` finds a change in one series at `level`, and one that counts."""
    changes = time_changes(values, Tolerances(family_alpha=level), 1)
    return bool(changes), any(change.counts for change in changes)


def _windows(values: Sequence[float], length: int) -> Iterator[Sequence[float]]:
    for start in range(len(values) - length + 1):
        yield values[start : start + length]


def _resampled(values: Sequence[float], length: int, rng: np.random.Generator) -> list[float]:
    """Return a series of `length` of blocks of neighbours, each from anywhere (moving blocks, Künsch 1989)."""
    block = min(BLOCK, len(values))
    starts = rng.integers(0, len(values) - block + 1, math.ceil(length / block))
    return [value for start in starts for value in values[start : start + block]][:length]


def false_alarms(series: Sequence[Sequence[float]], length: int, level: float) -> list[str]:
    """Return cells: windows, share with a change, with one that counts; the same of resampled and growing series."""
    windows = [judge(window, level) for values in series for window in _windows(values, length)]
    rng = np.random.default_rng(0)
    resampled, grown = [], []
    for number in range(RESAMPLED):
        values = _resampled(series[number % len(series)], length, rng)
        resampled.append(judge(values, level))
        if level == LEVELS[0]:
            grown.append(any(judge(values[:stop], level)[1] for stop in range(10, length + 1)))
    cells = [f"{length}", f"{level:.0%}", f"{len(windows)}"]
    cells += _shares(windows) + _shares(resampled)
    return [*cells, f"{np.mean(grown):.1%}" if grown else "-"]


def _shares(found: Sequence[tuple[bool, bool]]) -> list[str]:
    return [f"{np.mean([one[i] for one in found]):.1%}" for i in (0, 1)] if found else ["-", "-"]


def power(series: Sequence[Sequence[float]], length: int, level: float) -> list[str]:
    """Return cells: share of resampled series whose slow-down is located within two runs, in the middle and at the end.

    The times from there on are multiplied; the end is five runs long.
    """
    rng = np.random.default_rng(1)
    cells = []
    for factor in SLOWDOWNS:
        for at in (length // 2, length - 5):
            hits = 0
            for number in range(RESAMPLED):
                values = np.array(_resampled(series[number % len(series)], length, rng))
                values[at:] *= factor
                hits += any(abs(place.at - at) <= 2 for place in locate(np.log(values).tolist(), level))
            cells.append(f"{hits / RESAMPLED:.0%}")
    return [f"{length}", f"{level:.0%}", *cells]


def _correlation(values: Sequence[float]) -> float:
    x = np.log(values) - np.mean(np.log(values))
    return float(np.sum(x[1:] * x[:-1]) / np.sum(x**2))


def table(options: argparse.Namespace) -> None:
    """Count false alarms and located slow-downs, and put the tables into a document."""
    found = json.loads(options.result.read_text())
    if found.get("schema") != SCHEMA:
        raise OptkitError(f"{options.result} is of schema {found.get('schema')!r}; keep the series again")
    where = found["environment"]
    lines = [
        f"{len(found['made'])} sessions of unchanged files of `{found['suite']}`, {found['made'][0][:16]} to "
        f"{found['made'][-1][:16]} UTC, {where['processor']}, {where['cores']} cores.",
        "",
        "| series | unit | scatter | largest / smallest | lag-1 correlation |",
        "|---|---|---|---|---|",
    ]
    for one in found["series"]:
        values = one["values"]
        spread, ratio = scatter(np.log(values).tolist(), []), max(values) / min(values)
        lines.append(f"| {one['name']} | {one['unit']} | {spread:.1%} | {ratio:.2f} | {_correlation(values):.2f} |")
    for unit in dict.fromkeys(one["unit"] for one in found["series"]):
        series = [one["values"] for one in found["series"] if one["unit"] == unit]
        lengths = [length for length in LENGTHS if length <= len(found["made"])]
        lines += ["", *_tables(unit, series, lengths)]
    replace_between(options.document, "nulls", "\n".join(lines))


def _tables(unit: str, series: Sequence[Sequence[float]], lengths: Sequence[int]) -> Iterator[str]:
    yield f"False alarms, {unit} (share of series with any change / with one that counts):"
    yield ""
    yield "| runs | level | windows | any | counts | resampled: any | counts | growing: counts, ever |"
    yield "|---|---|---|---|---|---|---|---|"
    for length in lengths:
        for level in LEVELS:
            yield f"| {' | '.join(false_alarms(series, length, level))} |"
    yield ""
    yield f"Slow-downs located within two runs, {unit} (in the middle / five runs before the end):"
    yield ""
    heads = [f"{factor - 1:+.0%} {place}" for factor in SLOWDOWNS for place in ("middle", "end")]
    yield f"| runs | level | {' | '.join(heads)} |"
    yield "|---" * (2 + len(heads)) + "|"
    for length in lengths:
        for level in LEVELS:
            yield f"| {' | '.join(power(series, length, level))} |"


def example(options: argparse.Namespace) -> None:
    """Put what `optkit history` prints of a folder into a document."""
    runs, unread = read_runs(options.folder)
    shown = history_text(make_history(runs, Tolerances(), unread=unread), Tolerances())
    replace_between(options.document, "example", f"```\n{shown}\n```")


def main() -> int:
    """Parse and run one of the commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("record")
    command.add_argument("folder", type=Path)
    command.add_argument("--sessions", type=int, default=200)
    command.add_argument("--modes", default="single_sample or single_batch")
    command.add_argument("--pytest", type=shlex.split, default=[], help="more options for pytest, in one string")
    command.set_defaults(call=record)
    command = commands.add_parser("keep")
    command.add_argument("folder", type=Path)
    command.add_argument("-o", "--output", type=Path, required=True)
    command.set_defaults(call=keep)
    command = commands.add_parser("table")
    command.add_argument("result", type=Path)
    command.add_argument("document", type=Path)
    command.set_defaults(call=table)
    command = commands.add_parser("example")
    command.add_argument("folder", type=Path)
    command.add_argument("document", type=Path)
    command.set_defaults(call=example)
    return call(parser)


if __name__ == "__main__":
    raise SystemExit(main())
