"""How long `optkit history` takes over many saved runs, and how much memory: make such a folder, and measure.

python -m benchmarks.studies.measure_history_speed make docs/results/runs/mnist.json out/many --runs 2000
python -m benchmarks.studies.measure_history_speed measure out/many

`make` writes runs like the saved one, an hour apart, with raw rounds, as `--benchmark-autosave --benchmark-save-data`
would; times scatter by 1 % from run to run. `measure` runs the command twice in fresh processes, with an empty index at
first.
"""

import argparse
import copy
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from benchmarks.studies.publish import call

_START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def make(options: argparse.Namespace) -> None:
    """Write `--runs` files like the saved run, each with `--rounds` raw rounds a benchmark."""
    like = json.loads(options.run.read_bytes())
    options.folder.mkdir(parents=True)
    for number in range(options.runs):
        path = options.folder / f"{number + 1:04}_made.json"
        path.write_text(json.dumps(_run(like, number, options.rounds), indent=1))
    size = sum(path.stat().st_size for path in options.folder.iterdir())
    print(f"{options.runs} runs, {size / options.runs / 1000:.0f} kB each, {size / 1e6:.0f} MB")


def _run(like: dict[str, Any], number: int, rounds: int) -> dict[str, Any]:
    rng = random.Random(number)
    found = copy.deepcopy(like)
    found["datetime"] = (_START + timedelta(hours=number)).isoformat()
    found["commit_info"] = {"id": f"{number:040x}", "dirty": False}
    for benchmark in found["benchmarks"]:
        stats, info = benchmark["stats"], benchmark["extra_info"]["optkit"]
        reference = info.get("reference_seconds") or stats["median"]
        middle = stats["median"] * rng.lognormvariate(0, 0.01)
        stats["data"] = [middle * rng.lognormvariate(0, 0.01) for _ in range(rounds)]
        stats["median"] = statistics.median(stats["data"])
        info["reference_rounds"] = [reference * rng.lognormvariate(0, 0.01) for _ in range(rounds)]
        info["reference_seconds"] = statistics.median(info["reference_rounds"])
        for name in ("cpu_rounds", "reference_cpu_rounds"):  # those of the run that it is like would never scatter
            info.pop(name, None)
    return found


def measure(options: argparse.Namespace) -> None:
    """Print seconds and the largest memory of `optkit history`, the first and the second time."""
    with tempfile.TemporaryDirectory() as store:
        before = 0.0
        for which in ("first", "second"):
            began = time.perf_counter()
            command = [sys.executable, "-m", "optkit", "history", str(options.folder)]
            command += ["--metric", options.metric] if options.metric else []
            subprocess.run(command, env={**os.environ, "OPTKIT_STORE": store}, check=True, stdout=subprocess.DEVNULL)
            seconds = time.perf_counter() - began
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            processor = used.ru_utime + used.ru_stime - before
            before += processor
            most = used.ru_maxrss / 1024  # of the largest child so far
            print(f"{which}: {seconds:.1f} s, {processor:.1f} s of the processor, {most:.0f} MB at most")


def main() -> int:
    """Parse and run one of the commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("make")
    command.add_argument("run", type=Path, help="a saved run to make others like")
    command.add_argument("folder", type=Path, help="a new folder")
    command.add_argument("--runs", type=int, default=2000)
    command.add_argument("--rounds", type=int, default=40)
    command.set_defaults(call=make)
    command = commands.add_parser("measure")
    command.add_argument("folder", type=Path)
    command.add_argument("--metric", default="")
    command.set_defaults(call=measure)
    return call(parser)


if __name__ == "__main__":
    raise SystemExit(main())
