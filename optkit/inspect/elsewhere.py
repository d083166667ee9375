"""Would a runtime run a file, and what does it take there?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from optkit.runtime.attempt import attempt
from optkit.runtime.chosen import check_running
from optkit.runtime.protocol import Memory
from optkit.spec.running import Running, said


@dataclass(frozen=True, kw_only=True)
class Look:
    """Whether a runtime runs a file, here and now, with these settings: `refusal` says why not, and is empty when so.

    `memory` is what the loaded file takes, as far as the runtime tells. `times` is False of a runtime whose time says
    nothing of where the file will run.
    """

    runtime: str
    version: str
    settings: str
    runs: bool
    refusal: str
    memory: Memory | None
    times: bool


def look_at(
    path: str | Path, running: Running, *, threads: int = 1, batch: int = 1, seconds: float | None = None
) -> Look:
    """Load the .tflite file at `path` as `running` says, in a process of its own, and run it with made-up samples.

    Raises SuiteError for an unknown runtime or setting, and ArtifactError when the runtime is not installed.
    """
    runtime = check_running(running)
    found = attempt(Path(path), running, threads=threads, batch=batch, seconds=seconds)
    return Look(
        runtime=runtime.name,
        version=runtime.version(),
        settings=said(running.settings),
        runs=not found.refusal,
        refusal=found.refusal,
        memory=found.memory,
        times=runtime.times,
    )
