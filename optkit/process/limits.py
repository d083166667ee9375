"""Limits of time and memory for a process that meets a file from elsewhere.

Where the system knows none (Windows), or does not hold to them (memory on macOS), there are none: whoever started the
process still ends it in time.
"""

from __future__ import annotations

import signal

try:
    import resource
except ImportError:
    resource = None  # type: ignore[assignment]

_SPARE_BYTES = 4 * 2**30
_SAMPLE_BYTES = 2**28


def limit_time(seconds: float) -> None:
    """Let SIGALRM end this process after `seconds`; 0 lifts the limit. Native code cannot put it off."""
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def limit_memory(file_bytes: int, batch: int = 0) -> None:
    """Limit what this process asks for from now on: 4 GiB, twice the files' bytes, and 256 MiB for each sample.

    The limit is one of addresses. What is already mapped (the runtime's libraries) does not count.
    """
    if resource is None:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
    except OSError:  # no Linux: macOS does not hold to this limit
        return
    limit = used + _SPARE_BYTES + 2 * file_bytes + batch * _SAMPLE_BYTES
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
