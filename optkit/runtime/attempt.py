"""Let a file meet a runtime, with settings, in a process of its own: does it run, and what does it give?"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from optkit.errors import ArtifactError, BuildError, DataError
from optkit.process.temporary import temporary_folder
from optkit.runtime.inputs import random_inputs
from optkit.runtime.protocol import Memory
from optkit.runtime.registry import find_runtime, settings_values
from optkit.spec.running import PLAIN, Running
from optkit.tflite.interface import read_interface
from optkit.tflite.trial import crashed, default_seconds, killed_by_alarm, launch, too_slow
from optkit.tflite.verify import verify_file

_WORKER = "optkit.runtime.attempt_worker"
_START_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What came of a file in a runtime: `refusal` says why it did not run; empty when it did.

    `outputs` are those for the same random samples, by name, float32, and `memory` is what the loaded file takes; none
    when it did not run.
    """

    refusal: str = ""
    outputs: dict[str, Any] = field(default_factory=dict)
    memory: Memory | None = None


def attempt(
    path: Path, running: Running = PLAIN, *, threads: int = 1, batch: int = 1, seconds: float | None = None
) -> Attempt:
    """Load the file at `path` as `running` says and run it twice, in a process of its own, within `seconds`.

    Raises SuiteError for an unknown runtime or setting. Whatever is wrong with the file is the attempt's `refusal`.
    """
    limit = default_seconds(path) if seconds is None else seconds
    try:
        if path.suffix == ".tflite":
            verify_file(path)
        if find_runtime(running.runtime).tries_itself:
            return _run_here(path, running, threads, batch, limit)
        with temporary_folder("attempt") as folder:
            target = folder / "outputs.npz"
            about: dict[str, Any] = {"runtime": running.runtime, "settings": running.settings, "to": str(target)}
            request = {"path": str(path), "threads": threads, "batch": batch, "seconds": limit, **about}
            done = launch(_WORKER, request, limit + _START_SECONDS)
            answer = _judge(path, done, limit)
            with np.load(target, allow_pickle=False) as found:
                outputs = {name: found[f"arr_{i}"] for i, name in enumerate(answer["outputs"])}
            return Attempt(outputs=outputs, memory=Memory(**answer["memory"]))
    except subprocess.TimeoutExpired:
        return Attempt(refusal=too_slow(path, limit))
    except (ArtifactError, BuildError, DataError) as error:
        return Attempt(refusal=str(error))


def _run_here(path: Path, running: Running, threads: int, batch: int, limit: float) -> Attempt:
    """Run a file in this process: the runtime let it meet native code elsewhere, which may have taken its time."""
    from optkit.runtime.chosen import loader

    if path.suffix != ".tflite":
        raise ArtifactError(f"{path} is not a .tflite file; what is in any other is not known")
    interface = read_interface(path)
    size = interface.batch or batch
    runner = loader(running)(path, threads=threads, batch=size, seconds=limit)
    try:
        outputs = runner.outputs(runner.invoke(runner.prepare(random_inputs(interface, size))))
        return Attempt(outputs=outputs, memory=runner.memory())
    finally:
        runner.close()


def _judge(path: Path, done: subprocess.CompletedProcess[str], limit: float) -> dict[str, Any]:
    if killed_by_alarm(done.returncode):
        raise ArtifactError(too_slow(path, limit))
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise ArtifactError(crashed(path, done.returncode, done.stderr)) from None
    if "error" in answer:
        raise ArtifactError(answer["error"])
    return answer


def refusal_of(path: Path, runtime: str, settings: Any) -> str | None:
    """Return why `runtime` with `settings` (its dataclass) would not run the file; None when it would."""
    running = Running(runtime=runtime, settings=settings_values(settings))
    return attempt(path, running).refusal or None
