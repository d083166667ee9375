"""How far copies of a file seem apart by wall clock and by CPU time, both read around the same blocks.

    python -m benchmarks.studies.calibration.compare_clocks MODEL.tflite --processes 14 --conditions quiet,both,four

Each process loads a file three times in each order, as `optkit ab` does, and reads both clocks around each block of its
rounds. The scatter is the standard deviation over processes of what is truly 0, log(head / base). Use CPU time where it
scatters no more than wall clock with nothing competing.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.studies.calibration.load import CONDITIONS, competitors
from optkit import OptkitError
from optkit.measure.clocks import ClockName, cpu_clock
from optkit.measure.paired import LOAD_ORDERS, LOADS, ROLES, SECONDS, PairedTiming, load_places, mean_of
from optkit.measure.paired_models import prepared_calls
from optkit.measure.paired_rounds import calls_in_a_block, round_orders, summarize
from optkit.stats.estimates import adjusted_mean

Call = Callable[[], object]
CLOCKS: dict[ClockName, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.thread_time}


def time_both(path: Path, seconds: float = SECONDS) -> dict[ClockName, PairedTiming]:
    """Time a file against copies of itself in this process, in `seconds` of CPU time or more, by both clocks."""
    kept: list[Any] = []
    found: dict[ClockName, list[PairedTiming]] = {clock: [] for clock in CLOCKS}
    for load_order in LOAD_ORDERS:
        kept.append(prepared_calls(path, path, threads=1, batch=1, load_order=load_order, verified=bool(kept)))
        for clock, timing in _loading(kept[-1], load_order, seconds / LOADS).items():
            found[clock].append(timing)
    return {clock: mean_of(timings) for clock, timings in found.items()}


def _loading(calls: Mapping[str, Call], load_order: Sequence[str], seconds: float) -> dict[ClockName, PairedTiming]:
    count = calls_in_a_block(calls, time.thread_time)
    rounds: list[dict[str, list[dict[ClockName, float]]]] = []
    gc.disable()
    began = time.thread_time()
    while not rounds or len(rounds) % 6 or time.thread_time() - began < seconds:
        blocks: dict[str, list[dict[ClockName, float]]] = {role: [] for role in ROLES}
        for role in round_orders(len(rounds), load_order):
            blocks[role].append(_block(calls[role], count))
        rounds.append(blocks)
    gc.enable()
    return {clock: summarize(_by(clock, rounds), count, load_order, clock) for clock in CLOCKS}


def _block(call: Call, count: int) -> dict[ClockName, float]:
    call()
    repeats = range(count)
    wall, cpu = time.perf_counter(), time.thread_time()
    for _ in repeats:
        call()
    cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
    return {"wall": wall, "cpu": cpu}


def _by(
    clock: ClockName, rounds: Sequence[Mapping[str, Sequence[Mapping[ClockName, float]]]]
) -> list[dict[str, list[float]]]:
    return [{role: [block[clock] for block in blocks] for role, blocks in one.items()} for one in rounds]


def scatter(timings: Sequence[PairedTiming]) -> float:
    """Return the standard deviation of log(head / base) over processes, the order of loading accounted for."""
    found = adjusted_mean([one.effect for one in timings], load_places(timings, "head"))
    return found.error * math.sqrt(len(timings))


def compare(files: Sequence[Path], conditions: Sequence[str], processes: int) -> None:
    """Print a line for each condition and file."""
    print(f"{'file':32} {'competing':9} {'ms a call':>9} {'wall clock':>10} {'CPU time':>10}")
    for condition in conditions:
        for path in files:
            with competitors(condition):
                answers = [_answer(path) for _ in range(processes)]
            found = {clock: [answer[clock] for answer in answers] for clock in CLOCKS}
            shown = " ".join(f"{100 * scatter(found[clock]):>8.2f} %" for clock in CLOCKS)
            milliseconds = 1000 * statistics.median(one.seconds for one in found["cpu"])
            print(f"{path.stem[:32]:32} {condition:9} {milliseconds:9.3f} {shown}", flush=True)


def _answer(path: Path) -> dict[ClockName, PairedTiming]:
    command = [sys.executable, "-m", "benchmarks.studies.calibration.compare_clocks", str(path), "--one"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise OptkitError(f"{path} cannot be timed: {(done.stderr.strip().splitlines() or ['nothing said'])[-1]}")
    return msgspec.convert(json.loads(done.stdout.splitlines()[-1]), dict[ClockName, PairedTiming])


def main() -> int:
    """Parse the command line and compare; with --one, time in this process and answer in JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--processes", type=int, default=14, help="of each file under each condition; 7 or more")
    parser.add_argument("--conditions", default="quiet", help=f"with commas between them: {', '.join(CONDITIONS)}")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    conditions = options.conditions.split(",")
    try:
        if cpu_clock() is None:
            raise OptkitError("this system has no fine clock of a thread's CPU time; there is nothing to compare")
        if unknown := [name for name in conditions if name not in CONDITIONS]:
            raise OptkitError(f"there is no condition {unknown[0]!r}; expected some of {', '.join(CONDITIONS)}")
        if options.one:
            print(json.dumps(msgspec.to_builtins(time_both(options.files[0]))))
        else:
            compare(options.files, conditions, options.processes)
    except OptkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
