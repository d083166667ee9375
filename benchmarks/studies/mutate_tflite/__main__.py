"""Damage .tflite files in thousands of ways and run each through what optkit does with a file, counting what happens.

    python -m benchmarks.studies.mutate_tflite --count 2000 [--workers 2] [--folder DIR] [MORE.tflite ...]

makes five small files (and takes MORE), damages each `--count` times by seeds, and does with each copy what `optkit
run`, one process of `optkit ab` and weight inspection do. A worker process that ends by a signal is a defect of
optkit and is counted; so is what takes 5 s or more, and what raises anything but an OptkitError. The result is a
table, and `results.jsonl` in the folder: one line for each copy. It takes some 0.1 s a copy. To start Python 20,000
times would take hours, so the processes in which files meet LiteRT are forked here from one that has its imports; they
run the same workers. What it found stands in docs/evidence/trust.md.
"""

from __future__ import annotations

import argparse
import collections
import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.studies.mutate_tflite.damage import make_files, mutate

STEPS = ("run", "ab", "weights")
DEFECTS = ("signal", "hang", "traceback", "several lines")
HANG_SECONDS = 5.0
_DEAD_SECONDS = 60.0


def forked(
    worker: str, request: Mapping[str, Any], timeout: float, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Do what `trial.launch` does, in a fork of this process: run a worker's `main` on the request."""
    from optkit.measure import paired_worker
    from optkit.tflite import trial_worker

    modules: dict[str, Callable[[], None]] = {m.__name__: m.main for m in (trial_worker, paired_worker)}
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(read)
            os.dup2(write, 1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            os.environ.update(env or {})
            sys.stdin = io.StringIO(json.dumps(request))
            modules[str(worker)]()
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, errors="replace") as pipe:
        output = pipe.read()  # each worker ends in time by its own alarm
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return subprocess.CompletedProcess([str(worker)], code, output, "")


def steps(original: Path, damaged: Path, image: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what is done with a damaged copy: the name of a command, and what that command does."""
    from optkit import weights_of
    from optkit.measure.paired_process import run_process
    from optkit.runtime.predict import predict

    yield "run", lambda: predict(damaged, [image])
    yield "ab", lambda: run_process(original, damaged, number=1, seconds=0.01)
    yield "weights", lambda: weights_of(damaged)


def outcome(call: Callable[[], object]) -> tuple[str, str]:
    """Do a step; return the kind of what happened, and the message."""
    from optkit.errors import OptkitError

    try:
        call()
    except OptkitError as error:
        text = str(error)
        if "\n" in text:
            return "several lines", text
        for kind, mark in (("crashed its child", "crashed on"), ("took too long", "to load and run once")):
            if mark in text:
                return kind, text
        verified = any(mark in text for mark in ("is damaged:", "is not a .tflite", "cannot be read"))
        return ("refused by the verifier" if verified else "refused later"), text
    except Exception as error:
        return "traceback", f"{type(error).__name__}: {error}"
    return "runs", ""


def work(jobs: list[tuple[Path, int]], image: Path, folder: Path, wanted: list[str], results: Any) -> None:
    """Do every step of every job; send (number of the job, line) before and after each step."""
    import logging

    import ai_edge_litert.interpreter  # noqa: F401  here, not again in each fork

    import optkit.measure.paired_worker
    import optkit.tflite.trial_worker  # noqa: F401
    from optkit.tflite import trial

    logging.disable(logging.CRITICAL)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    trial.launch = forked
    for number, (original, seed) in enumerate(jobs):
        kind, data = mutate(original.read_bytes(), seed)
        damaged = folder / f"{os.getpid()}.tflite"
        damaged.write_bytes(data)
        for name, call in steps(original, damaged, image):
            if name not in wanted:
                continue
            about = {"file": original.stem, "seed": seed, "damage": kind, "step": name}
            results.send((number, {**about, "outcome": "began"}))
            began = time.monotonic()
            what, message = outcome(call)
            line = {**about, "outcome": what, "seconds": round(time.monotonic() - began, 3), "message": message}
            results.send((number, line))
        damaged.unlink()


def supervise(jobs: list[tuple[Path, int]], image: Path, folder: Path, wanted: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the lines of all jobs; a worker that dies or is silent for a minute costs its job and is replaced."""
    while jobs:
        receive, send = multiprocessing.Pipe(duplex=False)
        worker = multiprocessing.get_context("fork").Process(target=work, args=(jobs, image, folder, wanted, send))
        worker.start()
        send.close()
        number, last = -1, {}
        try:
            while receive.poll(_DEAD_SECONDS):
                number, last = receive.recv()
                if last["outcome"] != "began":
                    yield last
            os.kill(worker.pid or 0, signal.SIGKILL)
            yield {**last, "outcome": "hang", "seconds": _DEAD_SECONDS, "message": "no end in a minute"}
        except EOFError:
            worker.join()
            if worker.exitcode == 0:
                return
            yield {**last, "outcome": "signal", "seconds": 0.0, "message": f"exit code {worker.exitcode}"}
        worker.join()
        jobs = jobs[number + 1 :]


def table(lines: list[dict[str, Any]]) -> str:
    """Return the counts by step, file and outcome, as Markdown."""
    kinds = ["refused by the verifier", "refused later", "crashed its child", "took too long", "runs"]
    heads = ["step", "file", *kinds, *DEFECTS, "5 s or more"]
    shown = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    groups = collections.defaultdict(list)
    for line in lines:
        groups[line["step"], line["file"]].append(line)
        groups[line["step"], "all"].append(line)
    for (step, file), group in sorted(groups.items(), key=lambda item: (item[0][0], item[0][1] == "all", item[0][1])):
        counts = collections.Counter(line["outcome"] for line in group)
        slow = sum(line["seconds"] >= HANG_SECONDS for line in group)
        cells = [step, file, *(str(counts[kind]) for kind in (*kinds, *DEFECTS)), str(slow)]
        shown.append(f"| {' | '.join(cells)} |")
    return "\n".join(shown)


def _campaign(share: list[tuple[Path, int]], image: Path, folder: Path, wanted: list[str], to: Path) -> None:
    with to.open("w") as file:
        for line in supervise(share, image, folder, wanted):
            file.write(json.dumps(line) + "\n")
            file.flush()


def main() -> int:
    """Make the files, damage and try them, print the table; return 1 when there was a defect."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("more", nargs="*", type=Path, metavar="MORE.tflite", help="further files to damage")
    parser.add_argument("--count", type=int, default=2000, help="damaged copies of each file (2000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--workers", type=int, default=1, help="processes side by side (1)")
    parser.add_argument("--folder", type=Path, default=Path("out/mutations"), help="where files and results go")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS), help="what to do with each (all)")
    parser.add_argument("--only-make", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.only_make:
        make_files(options.folder)
        return 0
    # TensorFlow must not be in a process that is forked
    command = [sys.executable, "-m", "benchmarks.studies.mutate_tflite", "--only-make", "--folder", str(options.folder)]
    subprocess.run(command, check=True)
    files = [options.folder / f"{name}.tflite" for name in ("float", "int8", "int16x8", "sparse", "dynamic")]
    return _report(options, [*files, *options.more])


def _report(options: argparse.Namespace, files: list[Path]) -> int:
    from PIL import Image

    image = options.folder / "image.png"
    Image.new("RGB", (12, 12), (200, 100, 50)).save(image)
    jobs = [(file, seed) for seed in range(options.first, options.first + options.count) for file in files]
    shares = [jobs[k :: options.workers] for k in range(options.workers)]
    parts = [options.folder / f"part{k}.jsonl" for k in range(options.workers)]
    campaigns = [
        multiprocessing.get_context("fork").Process(
            target=_campaign, args=(share, image, options.folder, options.steps, part)
        )
        for share, part in zip(shares, parts, strict=True)
    ]
    for campaign in campaigns:
        campaign.start()
    for campaign in campaigns:
        campaign.join()
    text = "".join(part.read_text() for part in parts)
    (options.folder / "results.jsonl").write_text(text)
    lines = [json.loads(line) for line in text.splitlines()]
    print(table(lines))
    defects = [line for line in lines if line["outcome"] in DEFECTS or line["seconds"] >= HANG_SECONDS]
    for line in defects[:20]:
        print(json.dumps(line), file=sys.stderr)
    return 1 if defects else 0


if __name__ == "__main__":
    sys.exit(main())
