"""Show what trains, on a terminal: stage, epoch, time. Silent elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from optkit.build.artifact import SILENT, Progress


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Yield what `build_variants` reports to. It draws on standard error when that is a terminal."""
    if not sys.stderr.isatty():
        yield SILENT
        return
    # A copy of the descriptor: while a stage runs, 2 itself is silenced.
    with (
        os.fdopen(os.dup(2), "w") as terminal,
        Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            console=Console(file=terminal, force_terminal=True),
        ) as bars,
    ):
        running: list[TaskID] = []

        def begin(stage: str) -> None:
            running.append(bars.add_task(stage, total=None, state=""))

        def epoch(number: int, epochs: int, logs: dict[str, float]) -> None:
            losses = ", ".join(f"{name} {logs[name]:.4f}" for name in ("loss", "accuracy") if name in logs)
            bars.update(running[-1], total=epochs, completed=number, state=f"epoch {number}/{epochs}  {losses}")

        def end(stage: str) -> None:
            task = running.pop()
            bars.update(task, total=1, completed=1)
            bars.stop_task(task)

        yield Progress(begin=begin, epoch=epoch, end=end)
