"""Competing processes: each spins in Python on a core of its own until it is stopped or its parent is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

CONDITIONS = {"quiet": (), "one": (0,), "both": (0, 1)}
"""The cores that have a competitor, by condition. What is timed is pinned to no core."""

_SPIN = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
parent = int(sys.argv[2])
while os.getppid() == parent:  # so that it ends also when its parent was killed
    for _ in range(1_000_000):
        pass
"""


@contextmanager
def competitors(condition: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Keep the competitors of `condition` running; all are stopped at the end, whatever ends it."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        for core in CONDITIONS[condition]:
            running.append(subprocess.Popen([sys.executable, "-c", _SPIN, str(core), str(os.getpid())]))
        yield running
    finally:
        for one in running:
            one.kill()
        for one in running:
            one.wait()


def check(running: list[subprocess.Popen[bytes]]) -> None:
    """Raise RuntimeError when a competitor has ended: what was timed since would be called loaded and is not."""
    if any(one.poll() is not None for one in running):
        raise RuntimeError("a competing process ended early; is there a core of its number on this machine?")
