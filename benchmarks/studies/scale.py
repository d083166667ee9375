"""How builds and the store grow: a cold build with one and two processes in turn, and a store of many entries.

OPTKIT_DATA=data python -m benchmarks.studies.scale workers mnist --rounds 3 -o docs/results/scale_workers.json
python -m benchmarks.studies.scale store 100000 -o docs/results/scale_store.json
python -m benchmarks.studies.scale simulate mnist_techniques -o docs/results/scale_simulated.json

The last one is a simulation, not a measurement: a suite, and a search of many recipes, on up to 1,000 workers.
"""

import argparse
import hashlib
import heapq
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from optkit import load_suite
from optkit.build.entries import ABOUT_NAME, new_entry, write_entry
from optkit.build.graph import graph, sources, urgency
from optkit.build.stages import stages
from optkit.build.store import Store

TRAINING, CONVERTING, STARTING, SHARING = 30.0, 3.0, 6.0, 0.2
"""Assumed seconds: a stage that trains, one that does not, a worker's start, what a stage needs of a bucket."""
WORKERS = (1, 2, 4, 8, 16, 64, 256, 1000)


def workers(options: argparse.Namespace) -> dict[str, Any]:
    """Build a suite from nothing with one process and with two, in turn, and compare seconds and bytes."""
    rounds: list[dict[str, Any]] = []
    for number in range(options.rounds):
        seconds: dict[int, float] = {}
        files: dict[int, dict[str, str]] = {}
        for count in (1, 2) if number % 2 == 0 else (2, 1):
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, "-m", "optkit", "build", options.suite, "--data", options.data, "--json"]
                began = time.monotonic()
                done = subprocess.run(
                    [*command, "--store", folder, "--workers", str(count)], stdout=subprocess.PIPE, check=True
                )
                seconds[count] = time.monotonic() - began
            files[count] = {a["variant"]: a["sha256"] for a in json.loads(done.stdout)["artifacts"]}
        rounds.append({"one": seconds[1], "two": seconds[2], "same_bytes": files[1] == files[2]})
        print(rounds[-1], f"ratio {seconds[2] / seconds[1]:.2f}", flush=True)
    return {"suite": options.suite, "data": options.data, "rounds": rounds}


def store(options: argparse.Namespace) -> dict[str, Any]:
    """Fill a store with small entries; time look-up, start, `ls`, `du` and `gc` at a tenth of them and at all."""
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        made = 0
        for wanted in (options.entries // 10, options.entries):
            while made < wanted:
                _entry(Path(folder), made)
                made += 1
            kept = Store(Path(folder))
            keys = [_key(number) for number in range(0, made, max(1, made // 1000))]
            look_up = _seconds(partial(_find, kept, keys)) / len(keys)
            row: dict[str, Any] = {"entries": made, "look_up": look_up}
            for name, arguments in {"ls": ["ls"], "du": ["du"], "gc": ["gc", "--older-than", "0", "--dry-run"]}.items():
                command = [sys.executable, "-m", "optkit", "store", *arguments, "--store", folder]
                row[name] = _seconds(partial(subprocess.run, command, stdout=subprocess.DEVNULL, check=True))
            found.append(row)
            print(row, flush=True)
        command = [sys.executable, "-m", "optkit", "store", "gc", "--older-than", "0", "--store", folder]
        removing = _seconds(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True))
        print(f"gc of {made} entries: {removing:.1f} s")
    return {"rows": found, "gc_removes_all": removing}


def simulate(options: argparse.Namespace) -> dict[str, Any]:
    """Say how long a suite, and a search of recipes that share its baseline, would take on so many workers."""
    suite = load_suite(options.suite)
    found = graph(stages(suite, variant, "data") for variant in suite.variants)
    first = urgency(found)
    of_suite = {key: ({one.key for one in sources(s)}, _cost(bool(s.recipe)), first[key]) for key, s in found.items()}
    of_search: dict[str, Task] = {"train": (set(), TRAINING, 100.0)}
    for number in range(options.recipes):  # each is pruned, clustered and converted
        chain = [("prune", TRAINING), ("cluster", TRAINING), ("convert", CONVERTING)]
        before = "train"
        for place, (name, seconds) in enumerate(chain):
            of_search[f"{name} {number}"] = ({before}, seconds, float(len(chain) - place))
            before = f"{name} {number}"
    rows: list[dict[str, float]] = []
    for count in WORKERS:
        rows.append({"workers": count, "suite": _makespan(of_suite, count), "search": _makespan(of_search, count)})
    for row in rows:
        times = {name: rows[0][name] / row[name] for name in ("suite", "search")}
        print(f"{row['workers']:>5}", *(f"{name} {row[name]:,.0f} s ({times[name]:.1f} times)" for name in times))
    assumed = {"training": TRAINING, "converting": CONVERTING, "starting": STARTING, "sharing": SHARING}
    sizes = {"stages": len(of_suite), "recipes": options.recipes, "tasks_of_search": len(of_search)}
    return {"suite": options.suite, "assumed_seconds": assumed, **sizes, "rows": rows}


Task = tuple[set[str], float, float]
"""What must be done before, seconds, and how urgent it is."""


def _cost(trains: bool) -> float:
    return TRAINING if trains else CONVERTING


def _makespan(tasks: dict[str, Task], count: int) -> float:
    """Return when the last of `tasks` is done by `count` workers, the most urgent first of those that are ready."""
    waiting = {name: set(before) for name, (before, _, _) in tasks.items()}
    after: dict[str, list[str]] = {name: [] for name in tasks}
    for name, before in waiting.items():
        for one in before:
            after[one].append(name)
    ready = [(-tasks[name][2], name) for name, before in waiting.items() if not before]
    heapq.heapify(ready)
    running: list[tuple[float, str]] = []
    now, idle, fresh = 0.0, 0, count
    while ready or running:
        while ready and idle + fresh:
            _, name = heapq.heappop(ready)
            start = STARTING if not idle else 0.0
            idle, fresh = (idle - 1, fresh) if idle else (idle, fresh - 1)
            heapq.heappush(running, (now + start + tasks[name][1] + SHARING, name))
        now, name = heapq.heappop(running)
        idle += 1
        for one in after[name]:
            waiting[one].discard(name)
            if not waiting[one]:
                heapq.heappush(ready, (-tasks[one][2], one))
    return now


def _key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def _find(kept: Store, keys: list[str]) -> None:
    for key in keys:
        kept.find(key)


def _entry(root: Path, number: int) -> None:
    key = _key(number)
    folder = root / "entries" / key[:2] / key
    folder.mkdir(parents=True)
    (folder / "model.tflite").write_bytes(key.encode())
    entry = new_entry(key, folder / "model.tflite", {"label": f"kind {number % 7}"})
    write_entry(entry, folder / ABOUT_NAME)


def _seconds(work: Callable[[], Any]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def main() -> None:
    """Run the study that is named, print what it finds and save it."""
    parser = argparse.ArgumentParser(description=__doc__)
    which = parser.add_subparsers(required=True)
    of_workers = which.add_parser("workers")
    of_workers.add_argument("suite")
    of_workers.add_argument("--data", default="auto")
    of_workers.add_argument("--rounds", type=int, default=3)
    of_store = which.add_parser("store")
    of_store.add_argument("entries", type=int)
    of_simulation = which.add_parser("simulate")
    of_simulation.add_argument("suite")
    of_simulation.add_argument("--recipes", type=int, default=2000)
    for one, work in ((of_workers, workers), (of_store, store), (of_simulation, simulate)):
        one.add_argument("-o", "--output", type=Path, required=True)
        one.set_defaults(work=work)
    options = parser.parse_args()
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    result = {"schema": 1, "machine": machine, **options.work(options)}
    options.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
