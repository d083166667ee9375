"""How much memory this process holds, and held at most."""

from __future__ import annotations

from typing import Literal


def resident_bytes(field: Literal["VmRSS", "VmHWM"]) -> int:
    """Return what is in memory now (VmRSS) or was at most (VmHWM), in bytes, as proc(5) says; 0 where it does not."""
    try:
        with open("/proc/self/status") as file:
            found = next(line for line in file if line.startswith(f"{field}:"))
    except (OSError, StopIteration):
        return 0
    return 1024 * int(found.split()[1])
