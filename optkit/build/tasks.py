"""A build as tasks that somebody else does: processes of this machine, or a cluster.

Law: who makes a stage changes none of its bytes. Each starts from files of the store, under the store's own locks, so
one that dies takes nothing with it, and two builds at a time make nothing twice.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from optkit.build.artifact import Artifact
from optkit.build.builder import PreflightWarning, find_variants
from optkit.build.graph import graph, sources, urgency
from optkit.build.job import Job
from optkit.build.stage import Stage
from optkit.build.stages import stages
from optkit.build.store import Store
from optkit.data import Dataset
from optkit.errors import BuildError
from optkit.spec import Suite, Variant


@dataclass(frozen=True, kw_only=True)
class Task:
    """A request to a worker, the names of the tasks that must be done before, and how urgent it is."""

    request: dict[str, Any]
    before: tuple[str, ...] = ()
    urgency: float = 1.0


class Pool(Protocol):
    """Whoever does tasks."""

    def run(self, tasks: Mapping[str, Task]) -> list[str]:
        """Do `tasks`; return the lines that they said, in their order. Raises what the first one that fails does."""


Pools = Callable[[Job, int], AbstractContextManager[Pool]]
"""Begins a pool for a job of so many stages."""


def build_by_tasks(
    suite: Suite,
    variants: Sequence[Variant],
    dataset: Dataset,
    store: Store,
    data: str,
    pools: Pools,
    log_dir: Path | None = None,
) -> dict[str, Artifact]:
    """Have what the store lacks of `variants` built by a pool; return all their artifacts by name.

    `data` is what the data set was chosen by. The bytes are those that `build_variants` makes. Warns and raises as that
    does; the first stage that fails ends the build, and what was stored until then is kept.
    """
    lasts = {variant.name: stages(suite, variant, dataset.digest) for variant in variants}
    if missing := _missing(list(lasts.values()), store):
        job = Job(
            suite=suite.source,
            data=data,
            variants=tuple(lasts),
            store=store.place,
            allowed=suite.allowed,
            log_dir=str(log_dir.absolute()) if log_dir else None,
        )
        every = graph(lasts.values())
        first = urgency(every)
        with pools(job, len(missing)) as pool:
            checks = {name: Task(request={"check": name}) for name, last in lasts.items() if last.key in missing}
            for line in pool.run(checks):
                warnings.warn(line, PreflightWarning, stacklevel=2)
            pool.run(
                {
                    key: Task(
                        request={"make": key},
                        before=tuple(one.key for one in sources(stage) if one.key in missing),
                        urgency=first[key],
                    )
                    for key, stage in every.items()
                    if key in missing
                }
            )
    found = find_variants(suite, variants, dataset, store)
    if gone := [name for name in lasts if name not in found]:
        raise BuildError(f"{', '.join(gone)} did not stay in the store {store.place}; is another process emptying it?")
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
