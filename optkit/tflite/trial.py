"""Let a .tflite file that optkit did not build meet LiteRT first in a process of its own.

Law: LiteRT is native code, and a file that keeps to the schema can still crash it (an operator with too few inputs), or
keep it busy for ever. A crash there is one line here, and never the end of the caller.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optkit.errors import ArtifactError
from optkit.process.children import own_code, run
from optkit.tflite.verify import verify_file

_WORKER = "optkit.tflite.trial_worker"
_START_SECONDS = 30.0
"""For the process to start and to import; 0.4 s on an idle machine."""
_BYTES_PER_SECOND = 1e7


def default_seconds(path: Path) -> float:
    """Return how long a file may take to load and run by default: 3 s, and one more for every 10 MB."""
    try:
        return 3.0 + path.stat().st_size / _BYTES_PER_SECOND
    except OSError:
        return 3.0


def check_runs(path: Path, *, threads: int = 1, batch: int = 1, seconds: float | None = None) -> None:
    """Verify the .tflite file at `path`, then load it and run it in another process, with `batch` samples a call.

    It runs on zeros and on random values, within `seconds` (default: `default_seconds`) and, where the system can
    tell, within some 4 GiB of memory. Raises ArtifactError, one line, when the file is damaged, when
    LiteRT refuses it or crashes on it, and when it takes too long.
    """
    verify_file(path)
    limit = default_seconds(path) if seconds is None else seconds
    request = {"path": str(path), "threads": threads, "batch": batch, "seconds": limit}
    try:
        done = launch(_WORKER, request, limit + _START_SECONDS)
    except subprocess.TimeoutExpired:
        raise ArtifactError(too_slow(path, limit)) from None
    judge(path, done.returncode, done.stdout, done.stderr, limit)


def launch(
    worker: str, request: Mapping[str, Any], timeout: float, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Start optkit's module `worker` in a process, give it `request` as JSON; return what it wrote and how it ended.

    Raises subprocess.TimeoutExpired after `timeout` seconds.
    """
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return run(own_code(worker), input=json.dumps(request), timeout=timeout, env=env, **pipes)


def judge(path: Path, code: int, output: str, errors: str, seconds: float) -> None:
    """Read how the process that tried `path` ended, and what it wrote. Raises ArtifactError unless the file ran."""
    if killed_by_alarm(code):
        raise ArtifactError(too_slow(path, seconds))
    try:
        answer = json.loads(output)
    except ValueError:
        raise ArtifactError(crashed(path, code, errors)) from None
    if "error" in answer:
        raise ArtifactError(f"{path} cannot be run: {answer['error']}; give a whole .tflite file, or build it again")


def killed_by_alarm(code: int) -> bool:
    """Tell whether a process with this exit code was ended by its own time limit."""
    return hasattr(signal, "SIGALRM") and code == -signal.SIGALRM


def too_slow(path: Path, seconds: float) -> str:
    """Return the line for a file that was not done in time."""
    return f"{path} took over {seconds:g} s to load and run once; if it is only slow, give a larger --time-limit"


def crashed(path: Path | str, code: int, errors: str) -> str:
    """Return the line for a file on which the process ended with `code` and no answer, after writing `errors`."""
    if code < 0:
        return f"the runtime crashed on {path} ({_signal_name(-code)}); fetch the file again, or build it again"
    said = (errors.strip().splitlines() or ["nothing"])[-1]
    return f"the process that ran {path} ended with code {code} and said: {said}"


def _signal_name(number: int) -> str:
    try:
        return f"signal {signal.Signals(number).name}"
    except ValueError:
        return f"signal {number}"
