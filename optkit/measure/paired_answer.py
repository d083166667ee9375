"""Read what the process that times a pair wrote: its answer, or on which file it ended without one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optkit.errors import ArtifactError
from optkit.runtime.trial import crashed, default_seconds, killed_by_alarm, too_slow

_KERAS_SECONDS = 60.0


def limits_of(path: Path) -> float:
    """Return how long a file may take to load, and for its first call: a minute for Keras, which compiles in it."""
    return _KERAS_SECONDS if path.suffix == ".h5" else default_seconds(path)


def read_answer(
    done: subprocess.CompletedProcess[str], base: Path, head: Path, limits: Mapping[Path, float]
) -> dict[str, Any]:
    """Return the answer of a worker that ended: a line of JSON, after one for each file that it entered.

    Raises ArtifactError, one line: the worker's own error, or the file that it was at when it crashed or had used up
    its `limits`, in seconds.
    """
    last: dict[str, Any] = {}
    for line in done.stdout.splitlines():
        try:
            last = json.loads(line)
        except ValueError:  # cut short by the crash
            break
    if "error" in last:
        raise ArtifactError(last["error"])
    if "entering" not in last and last:
        return last
    role = last.get("entering")
    if role is None:
        raise ArtifactError(crashed(f"{base} and {head}", done.returncode, done.stderr))
    path = head if role == "head" else base
    if killed_by_alarm(done.returncode):
        raise ArtifactError(too_slow(path, limits[path]))
    raise ArtifactError(crashed(path, done.returncode, done.stderr))
