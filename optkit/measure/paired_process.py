"""The process that times a pair: start it, and read its answer, or on which file it ended without one."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from optkit.errors import ArtifactError
from optkit.measure.paired import LOAD_ORDERS, SECONDS, PairedTiming
from optkit.process.temporary import temporary_folder
from optkit.spec.running import Running
from optkit.tflite.trial import crashed, default_seconds, killed_by_alarm, launch, too_slow

_KERAS_SECONDS = 60.0
_TIMEOUT_SECONDS = 600.0
_WORKER = "optkit.measure.paired_worker"


def run_process(
    base: Path,
    head: Path,
    *,
    number: int,
    threads: int = 1,
    batch: int = 1,
    seconds: float = SECONDS,
    limit: float | None = None,
    running: Mapping[str, Running] | None = None,
) -> PairedTiming:
    """Time the pair in a fresh process, the `number`th (from 0) of its series, which sets the order of loading.

    `running` says what runs the base and the head, by these names; LiteRT with its defaults when it does not.
    Raises ArtifactError, which names the file, when one crashes the process, or takes over `limit` seconds (default:
    `limits_of`) to load or for its first call; also when the process takes over ten minutes.
    """
    limits = {path: limit or limits_of(path) for path in (base, head)}
    request = {
        "base": str(base),
        "head": str(head),
        "threads": threads,
        "batch": batch,
        "seconds": seconds,
        "load_order": LOAD_ORDERS[number % len(LOAD_ORDERS)],
        "limits": {"base": limits[base], "head": limits[head], "copy": limits[base]},
        "running": {side: msgspec.to_builtins(one) for side, one in (running or {}).items() if not one.plain},
    }
    try:
        with temporary_folder("ab") as folder:
            done = launch(_WORKER, request, _TIMEOUT_SECONDS, env={**os.environ, "TMPDIR": str(folder)})
    except subprocess.TimeoutExpired as error:
        raise ArtifactError(f"timing {base} and {head} took over ten minutes; use a smaller --batch") from error
    return msgspec.convert(read_answer(done, base, head, limits), PairedTiming)


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
