"""Show what runs, on a terminal: what it is, how far it is, and how long it will take. Silent elsewhere."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Column
from rich.text import Text

from optkit.build.artifact import SILENT, Progress
from optkit.report.terminal import is_terminal

_NEW: dict[str, Any] = {"state": "", "since": None, "done": 0.0}

_SHORT = 10.0
"""Seconds. What takes no longer in all needs no estimate of the end."""

Told = Callable[[float, str], None]
"""Told of the share of a work that is done, from 0 to 1, and of what runs."""


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Yield what `build_variants` reports to. It draws on standard error when that is a terminal."""
    if not _drawn():
        yield SILENT
        return
    with _bars(4, transient=False) as bars:
        each = threading.local()  # stages that are made side by side are told of by threads of their own
        skipped: dict[TaskID, int] = {}

        def begin(stage: str) -> None:
            each.running = [*getattr(each, "running", ()), bars.add_task(stage, total=None, **_NEW)]

        def epoch(number: int, epochs: int, logs: dict[str, float]) -> None:
            task = each.running[-1]
            first = skipped.setdefault(task, number - 1)  # a training that goes on did these before
            losses = ", ".join(f"{name} {logs[name]:.4f}" for name in ("loss", "accuracy") if name in logs)
            _advance(bars, task, number / epochs, done=(number - first) / epochs)
            bars.update(task, state=f"epoch {number}/{epochs}  {losses}")

        def end(stage: str) -> None:
            task = each.running.pop()
            bars.update(task, total=1, completed=1)
            bars.stop_task(task)

        yield Progress(begin=begin, epoch=epoch, end=end)


@contextmanager
def shown_work(what: str) -> Iterator[Told]:
    """Yield a function to be told how far a work is. It draws one bar, which goes when the work has ended.

    It is drawn anew once a second and no oftener: what is timed runs beside it.
    """
    if not _drawn():
        yield lambda share, state: None
        return
    with _bars(1, transient=True) as bars:
        task = bars.add_task(what, total=None, **_NEW)

        def tell(share: float, state: str) -> None:
            share = min(max(share, 0.0), 1.0)
            _advance(bars, task, share, done=share)
            bars.update(task, state=state)

        yield tell


def _drawn() -> bool:
    return is_terminal(sys.stderr) and os.environ.get("TERM", "") not in ("dumb", "unknown")


@contextmanager
def _bars(times_a_second: float, *, transient: bool) -> Iterator[Bars]:
    # A copy of the descriptor: while a stage runs, 2 itself is silenced.
    with (
        os.fdopen(os.dup(2), "w") as terminal,
        Bars(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[state]}", markup=False, table_column=Column(no_wrap=True, ratio=1)),
            TimeElapsedColumn(),
            _LeftColumn(),
            console=Console(file=terminal, force_terminal=True),
            transient=transient,
            refresh_per_second=times_a_second,
        ) as bars,
    ):
        yield bars


def _advance(bars: Bars, task: TaskID, share: float, *, done: float) -> None:
    """Note that `share` of the whole is behind, and that `done` of it took the time since the task began."""
    elapsed = next(one.elapsed for one in bars.tasks if one.id == task)
    bars.update(task, total=1.0 if share else None, completed=share, done=done, since=elapsed)


class _LeftColumn(ProgressColumn):
    """How long a task will still take, where it takes more than ten seconds in all."""

    def render(self, task: Task) -> Text:
        left = left_of(task.elapsed, task.completed, **{name: task.fields[name] for name in ("since", "done")})
        return Text("" if task.finished or left is None else left_text(left), style="progress.remaining")


def left_of(elapsed: float | None, share: float, *, since: float | None, done: float) -> float | None:
    """Return the seconds that are left; None when that cannot be told yet, or when the whole takes ten or less.

    `share` of the whole was behind after `since` seconds, in which `done` of it was made.
    """
    if elapsed is None or not since or done <= 0:
        return None
    left = max(0.0, since / done * (1 - share) - (elapsed - since))
    return left if elapsed + left > _SHORT else None


def left_text(seconds: float) -> str:
    """Return a time that is left in words: to five seconds, then to a minute, then to a tenth of an hour."""
    if seconds < 90:
        return f"about {max(5, 5 * round(seconds / 5)):.0f} s left"
    return f"about {seconds / 60:.0f} min left" if seconds < 5400 else f"about {seconds / 3600:.1f} h left"


def counted(told: Told, number: int, sessions: int) -> Callable[[int, int], None]:
    """Return what a session of several is watched with: `told`, of its benchmarks done and in all."""

    def tell(done: int, total: int) -> None:
        share = (number + done / total if total else number) / sessions
        of = f"session {number + 1} of {sessions}, " if sessions > 1 else ""
        told(share, f"{of}{done} of {total} benchmarks" if total else f"{of}getting ready")

    return tell
