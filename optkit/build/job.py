"""Which build a worker takes part in: all that another process, or another machine, must know of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Job:
    """A suite by its source, and how to open it.

    `threads`: how many TensorFlow uses within an operation, 0 for as many as there are cores. What is trained depends
    on it, bit by bit, so machines that build together use the same number.
    """

    suite: str
    data: str
    variants: tuple[str, ...]
    store: str
    allowed: tuple[str, ...] = ()
    log_dir: str | None = None
    threads: int = 0
