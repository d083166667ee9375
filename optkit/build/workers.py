"""Build with several processes of this machine: stages that do not need one another are made side by side.

Law: which process makes a stage changes none of its bytes. Each starts from files of the store, under the store's own
locks, so a process that dies takes nothing with it, and two builds at a time make nothing twice.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optkit.build.artifact import SILENT, Artifact, Progress
from optkit.build.builder import PreflightWarning, find_variants
from optkit.build.graph import graph, sources, urgency
from optkit.build.job import Job
from optkit.build.stage import Stage
from optkit.build.stages import stages
from optkit.build.store import Store
from optkit.build.worker_process import WorkerDied, WorkerProcess
from optkit.data import Dataset
from optkit.errors import BuildError
from optkit.spec import Suite, Variant

_TRIES = 2
"""How often a stage is begun whose process dies."""


def build_side_by_side(
    suite: Suite,
    variants: Sequence[Variant],
    dataset: Dataset,
    store: Store,
    data: str,
    *,
    workers: int,
    progress: Progress = SILENT,
    log_dir: Path | None = None,
) -> dict[str, Artifact]:
    """Build what the store lacks of `variants` with `workers` processes; return all their artifacts by name.

    `data` is what the data set was chosen by. The bytes are those that `build_variants` makes. Warns and raises as that
    does; the first stage that fails ends the build, and what was stored until then is kept.
    """
    if workers < 1:
        raise BuildError(f"workers is {workers}; expected 1 or more processes")
    lasts = {variant.name: stages(suite, variant, dataset.digest) for variant in variants}
    every = graph(lasts.values())
    missing = _missing(list(lasts.values()), store)
    if missing:
        job = Job(
            suite=suite.source,
            data=data,
            variants=tuple(lasts),
            store=str(store.root.resolve()),
            allowed=suite.allowed,
            log_dir=str(log_dir.resolve()) if log_dir else None,
        )
        with _pool(job, min(workers, max(len(missing), 1)), progress) as pool:
            checks = [name for name, last in lasts.items() if last.key in missing]
            for line in pool.run({name: ((), {"check": name}, 1.0) for name in checks}):
                warnings.warn(line, PreflightWarning, stacklevel=2)
            first = urgency(every)
            after = {key: tuple(one.key for one in sources(every[key]) if one.key in missing) for key in missing}
            pool.run({key: (after[key], {"make": key}, first[key]) for key in missing})
    found = find_variants(suite, variants, dataset, store)
    if gone := [name for name in lasts if name not in found]:
        raise BuildError(
            f"{', '.join(gone)} did not stay in the store {store.root}; is another process emptying it?"
        )
    return {name: found[name] for name in lasts}


def _missing(lasts: Sequence[Stage], store: Store) -> set[str]:
    """Return the keys of what must be made: what the store lacks of `lasts`, and what it lacks to make that."""
    missing: set[str] = set()
    left = list(lasts)
    while left:
        stage = left.pop()
        damaged = [above for above in stage.chain[:-1] if store.damage(above.key)]
        left += [above for above in damaged if above.key not in missing]
        if stage.key not in missing and store.find(stage.key) is None:
            missing.add(stage.key)
            left += sources(stage)
    return missing


Task = tuple[tuple[str, ...], dict[str, Any], float]
"""The tasks that must be done before, the request, and how urgent it is."""


class _Pool:
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
            ready = [name for name, (before, _, _) in left.items() if done.issuperset(before)]
            for name in sorted(ready, key=lambda name: -tasks[name][2])[: len(self._idle)]:
                worker = self._idle.pop()
                del left[name]
                tries[name] += 1
                running[self._threads.submit(worker.ask, tasks[name][1], self._progress)] = name, worker
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


@contextmanager
def _pool(job: Job, count: int, progress: Progress) -> Iterator[_Pool]:
    pool = _Pool(job, count, progress)
    try:
        yield pool
    finally:
        pool.close()
