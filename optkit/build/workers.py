"""Worker processes of this machine: stages that do not need one another are made side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

from optkit.build.artifact import SILENT, Progress
from optkit.build.job import Job
from optkit.build.tasks import Pools, Task
from optkit.build.worker_process import WorkerDied, WorkerProcess

_TRIES = 2
"""How often a task is begun whose process dies."""


def processes(workers: int, progress: Progress = SILENT) -> Pools:
    """Return what begins a pool of at most `workers` processes, which tell `progress` of what they do."""

    @contextmanager
    def pool(job: Job, stages: int) -> Iterator[ProcessPool]:
        began = ProcessPool(job, min(workers, stages), progress)
        try:
            yield began
        finally:
            began.close()

    return pool


class ProcessPool:
    """Worker processes that do tasks, the most urgent first of those whose time has come."""

    def __init__(self, job: Job, count: int, progress: Progress) -> None:
        self._job, self._progress = job, progress
        self._idle = [WorkerProcess(job) for _ in range(count)]
        self._all = list(self._idle)
        self._threads = ThreadPoolExecutor(count)

    def run(self, tasks: Mapping[str, Task]) -> list[str]:
        """Do `tasks`; return the lines that they said, in their order. Raises what the first one that fails does."""
        left, done, tries = dict(tasks), set[str](), dict.fromkeys(tasks, 0)
        running: dict[Future[list[str]], tuple[str, WorkerProcess]] = {}
        said: dict[str, list[str]] = {}
        while left or running:
            ready = [name for name, task in left.items() if done.issuperset(task.before)]
            for name in sorted(ready, key=lambda name: -tasks[name].urgency)[: len(self._idle)]:
                worker = self._idle.pop()
                del left[name]
                tries[name] += 1
                running[self._threads.submit(worker.ask, tasks[name].request, self._progress)] = name, worker
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name, worker = running.pop(future)
                try:
                    said[name] = future.result()
                    done.add(name)
                except WorkerDied:
                    worker.close()
                    if tries[name] == _TRIES:
                        raise
                    left[name] = tasks[name]
                    worker = WorkerProcess(self._job)
                    self._all.append(worker)
                self._idle.append(worker)
        return [line for name in tasks for line in said[name]]

    def close(self) -> None:
        """End all processes, and then the threads that wait for them."""
        for worker in self._all:
            worker.close()
        self._threads.shutdown()
