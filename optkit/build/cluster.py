"""A cluster of Dask: each stage is a task under its store key, which any worker may do.

Workers and this process share a store: a folder that all see under one path, or a bucket. They must see the suite file,
its model and its data under the same paths, too. Dask's processes trust one another: use a cluster of your own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import msgspec

from optkit.build.artifact import SILENT
from optkit.build.job import Job
from optkit.build.stages import LIBRARIES, library_versions
from optkit.build.tasks import Pools, Task
from optkit.build.worker_process import WorkerDied, WorkerProcess
from optkit.errors import BuildError

_WAIT_SECONDS = 30
_RETRIES = 3


def cluster(address: str) -> Pools:
    """Return what begins a pool on the Dask scheduler at `address`, such as tcp://10.0.0.1:8786.

    Raises BuildError when it is not there, has no workers, or a worker has other versions of what keys depend on.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise BuildError("a cluster needs Dask; pip install 'optkit[cluster]'") from error

    @contextmanager
    def pool(job: Job, stages: int) -> Iterator[_DaskPool]:
        try:
            client = Client(address, timeout=_WAIT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise BuildError(
                f"there is no Dask scheduler at {address} ({error}); start one with: dask scheduler"
            ) from error
        with client:
            _check_workers(client, address)
            yield _DaskPool(client, replace(job, threads=job.threads or os.cpu_count() or 1))

    return pool


def _check_workers(client: Any, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=_WAIT_SECONDS)
    except TimeoutError:
        raise BuildError(f"the cluster at {address} has no workers; start some with: dask worker {address}") from None
    here = library_versions()
    for worker, there in client.run(_versions).items():
        for name in LIBRARIES:
            if there.get(name) != here[name]:
                raise BuildError(
                    f"worker {worker} has {name} {there.get(name, 'not installed')}, and here it is {here[name]}: its "
                    "stages would have other keys; install the same versions everywhere"
                )


def _versions() -> dict[str, str]:
    return library_versions()


class _DaskPool:
    """Does tasks on a cluster. A worker that dies gives its tasks back; so does one that is taken away."""

    def __init__(self, client: Any, job: Job) -> None:
        self._client, self._job = client, msgspec.to_builtins(job)

    def run(self, tasks: Mapping[str, Task]) -> list[str]:
        """Do `tasks`; return the lines that they said, in their order. Raises what the first one that fails does."""
        from distributed import as_completed

        futures: dict[str, Any] = {}
        try:
            for name, task in tasks.items():
                futures[name] = self._client.submit(
                    _do,
                    self._job,
                    task.request,
                    [futures[one] for one in task.before],
                    key=f"optkit-{name}-{os.getpid()}",
                    priority=task.urgency,
                    retries=_RETRIES,
                    pure=False,
                )
            for future in as_completed(list(futures.values()), loop=self._client.loop):
                _check(future)
            return [line for future in futures.values() for line in future.result()["said"]]
        finally:
            self._client.cancel(list(futures.values()))


def _check(future: Any) -> None:
    """Raise what a task ended with, if it failed."""
    if future.status != "finished":
        why = future.exception() if future.status == "error" else future.status
        raise BuildError(f"the cluster gave a task up: {why}")
    answer = future.result()
    if "error" in answer:
        raise BuildError(answer["error"])
    if "defect" in answer:
        raise RuntimeError(answer["defect"])


_workers = threading.local()
"""Of each thread of a Dask worker: the process that does its tasks, and for which job."""


def _do(job: dict[str, Any], request: dict[str, Any], before: list[dict[str, Any]]) -> dict[str, Any]:
    """Do one task in a process of its own, which is kept for the next task of the same job.

    What fails is an answer, not an exception: Dask does a task again that raises, as it should when the process died.
    """
    if failed := next((answer for answer in before if "said" not in answer), None):
        return failed
    kept: tuple[dict[str, Any], WorkerProcess] | None = getattr(_workers, "kept", None)
    if kept and kept[0] != job:
        kept[1].close()
        kept = None
    if kept is None:
        kept = job, WorkerProcess(msgspec.convert(job, Job))
    _workers.kept = kept
    try:
        return {"said": kept[1].ask(request, SILENT)}
    except WorkerDied:
        kept[1].close()
        _workers.kept = None
        raise
    except BuildError as error:
        return {"error": str(error)}
    except RuntimeError as error:
        return {"defect": str(error)}
