"""What makes a file faster here: other kernels, more threads, larger batches, a simpler graph. Each is tried."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from optkit.files.regular import read_bytes
from optkit.inspect.inspection import Inspection
from optkit.inspect.turns import Job, Rounds, take_turns
from optkit.process.temporary import temporary_folder
from optkit.tflite.simplify import simplify

_SECONDS = 1.5
_BATCH = 32
_LARGE = 24 << 20
"""Of a larger file, in bytes, at most two copies are in memory at once."""


@dataclass(frozen=True, kw_only=True)
class Try:
    """A way to run a file, and what it does to the time of a sample: `change` is -0.17 for 17 % less.

    `seconds` is a call of it by LiteRT's interpreter; `error` says why it cannot be run so, and then the others are 0.
    """

    what: str
    seconds: float
    change: float
    error: str = ""


def try_ways(found: Inspection) -> tuple[Try, ...]:
    """Time an inspected file in other ways, in turns with the way that it was inspected in. Raises ArtifactError."""
    running = found.running
    plain = Job(found.path, running.threads, running.batch)
    with temporary_folder("tries") as folder:
        ways = _ways(found, plain, folder)
        pairs = _timed(plain, [job for _, job, _ in ways])
    if not pairs or not pairs[0][0].seconds:
        return ()
    return tuple(_tried(what, base, one, samples) for (what, _, samples), (base, one) in zip(ways, pairs, strict=True))


def _timed(plain: Job, jobs: Sequence[Job]) -> list[tuple[Rounds, Rounds]]:
    """Time `plain` and each of `jobs` in turns; of a large file only two are held at once."""
    if os.stat(plain.path).st_size <= _LARGE:
        base, *others = take_turns([plain, *jobs], _SECONDS)
        return [(base, one) for one in others]
    found = (take_turns([plain, job], _SECONDS / len(jobs)) for job in jobs)
    return [(base, one) for base, one in found]


def _ways(found: Inspection, plain: Job, folder: Path) -> list[tuple[str, Job, float]]:
    """Return what each way is called, its job, and how many times the samples of a plain call it has."""
    path, threads, batch = plain.path, plain.threads, plain.batch
    ways = [("LiteRT's built-in kernels", Job(path, threads, batch, "built-in"), 1.0)]
    if threads == 1 and (os.cpu_count() or 1) > 1:
        ways.append(("2 threads", Job(path, 2, batch), 1.0))
    free = [found.main.tensors[index].shape[:1] for index in found.main.inputs]
    if batch == 1 and free and all(shape == (-1,) for shape in free):
        ways.append((f"{_BATCH} samples a call", Job(path, threads, _BATCH), float(_BATCH)))
    if any(one.convert for one in found.leftovers):
        simpler = folder / "simpler.tflite"
        simpler.write_bytes(simplify(read_bytes(Path(path))))
        ways.append(("without what the converter left", Job(str(simpler), threads, batch), 1.0))
    return ways


def _tried(what: str, plain: Rounds, other: Rounds, samples: float) -> Try:
    if not other.seconds:
        return Try(what=what, seconds=0.0, change=0.0, error=other.error)
    ratios = [b / samples / a for a, b in zip(plain.seconds, other.seconds, strict=True)]
    return Try(what=what, seconds=statistics.median(other.seconds), change=statistics.median(ratios) - 1)
