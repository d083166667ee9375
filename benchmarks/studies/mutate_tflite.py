"""Damage .tflite files in thousands of ways and run each through what optkit does with a file, counting what happens.

    python benchmarks/mutate_tflite.py --count 2000 [--workers 2] [--folder DIR] [MORE.tflite ...]

makes five small files (and takes MORE), damages each `--count` times by seeds, and does with each copy what `optkit
run`, one process of `optkit ab` and weight inspection do. A worker process that ends by a signal is a defect of
optkit and is counted; so is what takes 5 s or more, and what raises anything but an OptkitError. The result is a
table, and `results.jsonl` in the folder: one line for each copy. It takes some 0.1 s a copy. To start Python 20,000
times would take hours, so the processes in which files meet LiteRT are forked here from one that has its imports; they
run the same workers. What it found stands in docs/trust.md.
"""

from __future__ import annotations

import argparse
import collections
import io
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

STEPS = ("run", "ab", "weights")
DEFECTS = ("signal", "hang", "traceback", "several lines")
HANG_SECONDS = 5.0
_DEAD_SECONDS = 60.0
EXTREME = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF)


def mutate(data: bytes, seed: int) -> tuple[str, bytes]:
    """Return one damaged copy of `data` and the kind of damage. Half of them hit the 4 kB at either end of the file.

    The weights are most of a file and the tables of a flatbuffer lie around them.
    """
    rng = random.Random(seed)
    copy = bytearray(data)

    def place(step: int = 1) -> int:
        low, high = rng.choice([(0, len(data)), (0, min(4096, len(data))), (max(0, len(data) - 4096), len(data))])
        return min(rng.randrange(low, high) // step * step, len(data) - step)

    def word(at: int, value: int) -> None:
        copy[at : at + 4] = (value % 2**32).to_bytes(4, "little")

    # what moves everything after it is nearly always found; single damages are the ones that get far
    kinds = ["bit", "bits", "bytes", "truncate", "insert", "remove", "offset", "extreme", "extremes"]
    kind = rng.choices(kinds, (4, 1, 1, 1, 1, 1, 2, 4, 1))[0]
    if kind in ("bit", "bits"):
        for _ in range(1 if kind == "bit" else rng.randint(2, 30)):
            copy[place()] ^= 1 << rng.randrange(8)
    elif kind == "bytes":
        for _ in range(rng.randint(1, 10)):
            copy[place()] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    elif kind == "truncate":
        del copy[place() :]
    elif kind == "insert":
        at = place()
        copy[at:at] = rng.randbytes(rng.choice((1, 2, 4, 8, 64)))
    elif kind == "remove":
        at = place()
        del copy[at : at + rng.choice((1, 2, 4, 8, 64, 1024))]
    elif kind == "offset":
        at = place(4)
        word(at, int.from_bytes(copy[at : at + 4], "little") + rng.choice((-64, -8, -4, -2, -1, 1, 2, 4, 8, 64)))
    else:
        for _ in range(1 if kind == "extreme" else rng.randint(2, 5)):
            word(place(4), rng.choice(EXTREME))
    return kind, bytes(copy)


def make_files(folder: Path) -> list[Path]:
    """Write five small files of one network: float, int8, int16x8, sparse float and dynamic range."""
    import numpy as np

    from optkit import Conversion
    from optkit.convert import convert
    from optkit.keras.tensorflow import load_keras

    layers = load_keras().layers
    model = load_keras().Sequential(
        [
            layers.InputLayer(input_shape=(8, 8, 1), name="image"),
            layers.Conv2D(8, 3, activation="relu", name="conv"),
            layers.DepthwiseConv2D(3, name="depthwise"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(name="flatten"),
            layers.Dense(64, activation="relu", name="hidden"),
            layers.Dense(5, activation="softmax", name="scores"),
        ]
    )
    rng = np.random.default_rng(3)
    weights = [rng.normal(0, 0.2, w.shape).astype(np.float32) for w in model.get_weights()]
    # three quarters zeros in the matrices, in blocks of 4: what the sparse form is for
    model.set_weights([w * np.repeat(rng.random((w.shape[0], -(-w.shape[1] // 4))) < 0.25, 4, 1)[:, : w.shape[1]]
                       if w.ndim == 2 and w.shape[1] > 5 else w for w in weights])  # fmt: skip
    x = rng.random((64, 8, 8, 1), np.float32)
    wanted = {
        "float": Conversion(),
        "int8": Conversion(mode="int8"),
        "int16x8": Conversion(mode="int16x8"),
        "sparse": Conversion(sparse=True),
        "dynamic": Conversion(mode="dynamic_range"),
    }
    paths = []
    for name, conversion in wanted.items():
        path = folder / f"{name}.tflite"
        path.write_bytes(convert(model, conversion, x))
        paths.append(path)
    return paths


def forked(worker: Path, request: Mapping[str, Any], timeout: float) -> subprocess.CompletedProcess[str]:
    """Do what `trial.launch` does, in a fork of this process: run a worker's `main` on the request."""
    from optkit.measure import paired_worker
    from optkit.runtime import trial_worker

    modules: dict[str, Callable[[], None]] = {m.__file__: m.main for m in (trial_worker, paired_worker)}
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(read)
            os.dup2(write, 1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
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
    import optkit.runtime.trial_worker  # noqa: F401
    from optkit.runtime import trial

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
    subprocess.run([sys.executable, __file__, "--only-make", "--folder", str(options.folder)], check=True)
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
