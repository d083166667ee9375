"""Files, or ways to run one, timed in turns in a process of their own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from optkit.errors import ArtifactError
from optkit.inspect.loading import Kernels
from optkit.names import shown
from optkit.tflite.trial import crashed, default_seconds, killed_by_alarm, launch, too_slow

_WORKER = "optkit.inspect.timing_worker"


@dataclass(frozen=True)
class Job:
    """A file and a way to run it."""

    path: str
    threads: int = 1
    batch: int = 1
    kernels: Kernels = "default"


@dataclass(frozen=True)
class Rounds:
    """Seconds of a call of a job, by round; none, with the reason, when it cannot be run."""

    seconds: tuple[float, ...]
    error: str


def take_turns(jobs: Sequence[Job], seconds: float) -> list[Rounds]:
    """Time `jobs` in turns for some `seconds` in all, in another process. Raises ArtifactError when it crashes."""
    limit = seconds + 30 + 2 * sum(default_seconds(Path(job.path)) for job in jobs)
    request = {"jobs": [asdict(job) for job in jobs], "seconds": seconds, "limit": limit}
    name = jobs[0].path
    try:
        done = launch(_WORKER, request, limit + 30)
    except subprocess.TimeoutExpired:
        raise ArtifactError(too_slow(Path(name), limit)) from None
    if killed_by_alarm(done.returncode):
        raise ArtifactError(too_slow(Path(name), limit))
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise ArtifactError(crashed(name, done.returncode, done.stderr)) from None
    return [
        Rounds(tuple(rounds or ()), shown(error))
        for rounds, error in zip(answer["rounds"], answer["errors"], strict=True)
    ]
