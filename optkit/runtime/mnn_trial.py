"""Let a .mnn file that optkit did not make meet MNN first in a process of its own: it is native code, and may crash.

python -m optkit.runtime.mnn_trial PATH BATCH SECONDS
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from optkit.convert.mnn_session import Session, refuse_the_rest
from optkit.errors import ArtifactError
from optkit.files.regular import open_file
from optkit.process.children import own_code, run
from optkit.process.limits import limit_memory, limit_time
from optkit.tflite.trial import crashed, default_seconds, killed_by_alarm, too_slow

_START_SECONDS = 30.0
_REFUSED = 3


def check_mnn(path: Path, *, batch: int = 1, seconds: float | None = None) -> None:
    """Load the .mnn file at `path` and run it once on random values, with `batch` samples a call, in another process.

    Raises ArtifactError, one line, when it cannot be read, MNN refuses it or crashes on it, or it takes too long.
    """
    try:
        open_file(path).close()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}; give the path of a .mnn file") from error
    limit = default_seconds(path) if seconds is None else seconds
    command = own_code("optkit.runtime.mnn_trial", str(path.absolute()), str(batch), str(limit))
    try:
        done = run(command, timeout=limit + _START_SECONDS, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    except subprocess.TimeoutExpired:
        raise ArtifactError(too_slow(path, limit)) from None
    if killed_by_alarm(done.returncode):
        raise ArtifactError(too_slow(path, limit))
    if done.returncode == _REFUSED:
        raise ArtifactError(done.stderr.strip().splitlines()[-1])
    if done.returncode:
        raise ArtifactError(crashed(path, done.returncode, done.stderr))


def main() -> int:
    """Run the file in this process; return 0, or 3 with the reason on standard error."""
    _, path, batch, seconds = sys.argv
    limit_time(float(seconds))
    refuse_the_rest()
    limit_memory(os.stat(path).st_size, int(batch))
    try:
        session = Session(Path(path), batch=int(batch))
        rng = np.random.default_rng(0)
        session.run({name: rng.random(shape).astype(dtype) for name, (shape, dtype) in session.inputs.items()})
    except ArtifactError as error:
        print(error, file=sys.stderr)
        return _REFUSED
    return 0
