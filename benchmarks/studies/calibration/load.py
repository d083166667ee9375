"""Competing processes: spinning in Python on a core each, or one command of the user's bound to the same cores."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from optkit import OptkitError

CONDITIONS = {"quiet": (), "one": (0,), "both": (0, 1), "four": (0, 1, 0, 1)}
"""The core of each competitor, by condition. What is timed is pinned to no core."""

_SPIN = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
parent = int(sys.argv[2])
while os.getppid() == parent:  # so that it ends also when its parent was killed
    for _ in range(1_000_000):
        pass
"""


@contextmanager
def competitors(condition: str, command: str = "") -> Iterator[list[subprocess.Popen[bytes]]]:
    """Keep the competitors of `condition` running; all are stopped at the end, whatever ends it.

    `command` (without a shell) takes the place of the spinning ones: work that has to be done anyway. Its output goes
    to standard error; it is not stopped when this process is killed. Raises OptkitError for a command where a core has
    more than one competitor.
    """
    cores = CONDITIONS[condition]
    if command and len(set(cores)) < len(cores):
        raise OptkitError(f"{condition} is {len(cores)} spinning processes; run a command beside one or both")
    running: list[subprocess.Popen[bytes]] = []
    try:
        if command and cores:
            bound = ["taskset", "--cpu-list", ",".join(map(str, cores)), *shlex.split(command)]
            running.append(subprocess.Popen(bound, stdout=sys.stderr, start_new_session=True))
        else:
            for core in cores:
                spin = [sys.executable, "-c", _SPIN, str(core), str(os.getpid())]
                running.append(subprocess.Popen(spin, start_new_session=True))
        yield running
    finally:
        for one in running:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself, with all its own
                os.killpg(one.pid, signal.SIGKILL)
        for one in running:
            one.wait()


def described(condition: str, command: str = "") -> str:
    """Return what a record says of the competitors."""
    cores = CONDITIONS[condition]
    where = " and ".join(map(str, dict.fromkeys(cores)))
    times = f" {len(cores) // len(set(cores))} times on each" if len(set(cores)) < len(cores) else ""
    return f"{command or 'spinning in Python'},{times} on core {where}" if cores else ""


def check(running: list[subprocess.Popen[bytes]]) -> None:
    """Raise OptkitError when a competitor has ended: what was timed since would be called loaded and is not."""
    if any(one.poll() is not None for one in running):
        raise OptkitError("a competing process ended; go on with one that runs longer, on cores that this machine has")
