"""A worker process as whoever started it sees it: started with a job, asked for one thing after another."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import msgspec

from optkit.build.artifact import Progress
from optkit.build.job import Job
from optkit.errors import BuildError
from optkit.process.children import ended, own_code, start, stop

_END_SECONDS = 10


class WorkerDied(BuildError):
    """The process of a worker ended in the middle of a request."""


class WorkerProcess:
    """A process of `optkit.build.worker` for one job. Start it in the main thread; ask it in any, one at a time."""

    def __init__(self, job: Job) -> None:
        self._process = start(
            own_code("optkit.build.worker"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        self._send(msgspec.to_builtins(job))

    def ask(self, request: dict[str, Any], progress: Progress) -> list[str]:
        """Send `request` and wait until it is done, telling `progress` meanwhile. Return the lines that it said.

        Raises BuildError with what went wrong there, RuntimeError for a defect of optkit, WorkerDied.
        """
        self._send(request)
        tell: dict[str, Callable[[Any], None]] = {
            "begin": progress.begin,
            "epoch": lambda about: progress.epoch(*about),
            "end": progress.end,
        }
        assert self._process.stdout
        for line in self._process.stdout:
            [(kind, about)] = json.loads(line).items()
            if kind == "done":
                return [str(one) for one in about]
            if kind == "error":
                raise BuildError(about)
            if kind == "defect":
                raise RuntimeError(about)
            tell[kind](about)
        raise WorkerDied(f"a process that builds {ended(self._code())}")

    def close(self) -> None:
        """End the process."""
        if self._process.stdin:
            try:
                self._process.stdin.close()
            except OSError:
                pass
        stop(self._process)
        if self._process.stdout:
            self._process.stdout.close()

    def _send(self, request: dict[str, Any]) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it has ended: the answer will not come, which says how

    def _code(self) -> int | None:
        try:
            return self._process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            return None
