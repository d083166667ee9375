"""Whether and how another runtime would run a file: the reason when it refuses, and the memory that it plans."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from optkit.errors import ArtifactError
from optkit.runtime import find_runtime


@dataclass(frozen=True, kw_only=True)
class OnRuntime:
    """A file on a runtime. `refused` says why it does not run there, empty when it does.

    `arena_bytes` is the memory for tensors that the runtime planned, None when it does not say; `parts` are what it is
    made of, `how` where the figures are from. `times` is False when the runtime's time says nothing of a device.
    """

    runtime: str
    version: str
    about: str
    refused: str = ""
    arena_bytes: int | None = None
    parts: Mapping[str, int] = field(default_factory=dict)
    how: str = ""
    times: bool = True


def look_on_runtime(path: Path, name: str) -> OnRuntime:
    """Load the file at `path` into the runtime called `name`, which tries it in a process of its own first.

    Raises SuiteError when there is no such runtime, and ArtifactError when it is not installed.
    """
    runtime = find_runtime(name)
    found = OnRuntime(runtime=name, version=runtime.version(), about=runtime.about, times=runtime.times)
    settings = runtime.settings()
    refused = runtime.refusal(path, settings)
    if refused is not None:
        return dataclasses.replace(found, refused=refused)
    try:
        runner = runtime.runner(path, settings, threads=1, batch=1)
    except ArtifactError as error:
        return dataclasses.replace(found, refused=str(error))
    try:
        memory = runner.memory()
    finally:
        runner.close()
    return dataclasses.replace(found, arena_bytes=memory.arena_bytes, parts=dict(memory.parts), how=memory.how)
