"""The clocks that times are taken with: wall clock, and CPU time of the calling thread.

Law: CPU time is used only where the calling thread does all the work, and two times are compared only when one clock
took both.

CPU time leaves out the time during which another process had the core. It still moves with the processor's frequency,
and with what others do to caches and memory. LiteRT with one thread runs in the thread that calls it: over 18
processes the CPU time of that thread was the CPU time of the process, to five digits.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

Clock = Callable[[], float]
ClockName = Literal["cpu", "wall"]

_COARSEST = 5e-6
"""Blocks and rounds last 0.2 ms and more. The clock of Windows has steps of 15.6 ms."""


def cpu_clock() -> Clock | None:
    """Return the clock of the calling thread's CPU time, in seconds; None where it is missing or has coarse steps."""
    try:
        resolution = time.get_clock_info("thread_time").resolution
    except ValueError:  # a system without it
        return None
    return time.thread_time if resolution <= _COARSEST else None


def clock_for(*, threads: int, tflite: bool) -> tuple[ClockName, Clock]:
    """Return the name of the clock for a model on so many threads, and the clock.

    Wall clock for more threads and for all but .tflite files (`tflite`): other threads do part of their work.
    """
    clock = cpu_clock() if threads == 1 and tflite else None
    return ("cpu", clock) if clock else ("wall", time.perf_counter)
