"""How much memory LiteRT, or MNN, takes for a file on this machine: how far a process of its own grows, several times.

Law: the figure is resident memory, from before the file is loaded to the most after it ran three times: the file's own
pages that were read, the arena, and what kernels keep. LiteRT tells Python nothing of its arena. It is a median, with
its scatter beside it.
"""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optkit.errors import ArtifactError
from optkit.tflite.trial import crashed, default_seconds, killed_by_alarm, launch, too_slow
from optkit.tflite.verify import verify_file

PROCESSES = 5
_WORKER = "optkit.measure.memory_worker"
_START_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Peak:
    """The growth of each of several processes, in bytes; `batch` samples a call on `threads` threads."""

    growth: tuple[int, ...]
    threads: int
    batch: int

    @property
    def bytes(self) -> int:
        """The median."""
        return round(statistics.median(self.growth))

    @property
    def scatter(self) -> float:
        """The distance from the least to the most, as a share of the median; 0 when that is 0."""
        return (max(self.growth) - min(self.growth)) / self.bytes if self.bytes else 0.0

    @property
    def told(self) -> str:
        """What the median is of, in words."""
        return f"the median growth of {len(self.growth)} processes, from {min(self.growth):,} to {max(self.growth):,}"


def peak_memory(
    path: Path, *, threads: int = 1, batch: int = 1, processes: int = PROCESSES, seconds: float | None = None
) -> Peak:
    """Return how far each of `processes` processes grew by loading the .tflite file at `path` and running it.

    Raises ArtifactError when it cannot be run in `seconds` each (default: as `tflite.trial`), and where the system does
    not tell how much memory a process takes (it is Linux that does).
    """
    verify_file(path)
    limit = default_seconds(path) if seconds is None else seconds
    request = {"path": str(path), "threads": threads, "batch": batch, "seconds": limit}
    return Peak(growth=tuple(_growth(path, request) for _ in range(processes)), threads=threads, batch=batch)


def peak_memory_mnn(
    path: Path,
    *,
    shapes: Mapping[str, tuple[int, ...]],
    threads: int = 1,
    batch: int = 1,
    precision: str = "normal",
    processes: int = PROCESSES,
    seconds: float | None = None,
) -> Peak:
    """Return as `peak_memory`, of the .mnn file at `path`, which optkit made, in MNN.

    `shapes` are the inputs' whole shapes, by MNN's name of each. Raises ArtifactError as `peak_memory`.
    """
    limit = default_seconds(path) if seconds is None else seconds
    given = {name: list(shape) for name, shape in shapes.items()}
    mnn = {"precision": precision, "shapes": given}
    request = {"path": str(path), "threads": threads, "batch": batch, "seconds": limit, "mnn": mnn}
    return Peak(growth=tuple(_growth(path, request) for _ in range(processes)), threads=threads, batch=batch)


def _growth(path: Path, request: Mapping[str, Any]) -> int:
    seconds = float(request["seconds"])
    try:
        done = launch(_WORKER, request, seconds + _START_SECONDS)
    except subprocess.TimeoutExpired:
        raise ArtifactError(too_slow(path, seconds)) from None
    if killed_by_alarm(done.returncode):
        raise ArtifactError(too_slow(path, seconds))
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise ArtifactError(crashed(path, done.returncode, done.stderr)) from None
    if "error" in answer:
        raise ArtifactError(f"{path} cannot be run: {answer['error']}; give a whole file, or build it again")
    if answer["bytes"] is None:
        raise ArtifactError("this system does not say how much memory a process takes; peak memory needs Linux")
    return int(answer["bytes"])
