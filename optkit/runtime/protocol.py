"""What a runtime is: it loads a model file with settings, and runs it. `registry.RUNTIMES` has them by name.

Law: a runtime's module imports nothing of its extra before it is asked to run, so a missing extra costs nothing.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from optkit.errors import ArtifactError
from optkit.tflite.interface import Array, Inputs

Tensors = Array | tuple[Array, ...]
"""One tensor, or one for each of several inputs or outputs, in the order of the file."""
Shapes = Mapping[str, tuple[int, ...]]
"""The shape of one sample, without the batch, by the names of inputs: it sets sizes that a file leaves free."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What a loaded model takes, in bytes. `how` says in a few words where the figures are from.

    `arena_bytes` is the memory for tensors that the runtime planned; None when it does not say. `parts` are what it is
    made of, or what else is known, by name.
    """

    arena_bytes: int | None
    how: str
    parts: Mapping[str, int] = field(default_factory=dict)


class Runner(Protocol):
    """A file loaded for (runtime, settings, threads, batch): set up once, invoked many times."""

    @property
    def threads(self) -> int: ...  # noqa: D102
    @property
    def batch(self) -> int: ...  # noqa: D102

    def prepare(self, x: Inputs) -> Tensors:
        """Return samples (batch, *sample shape), real values, as the inputs take them: their types, quantized."""

    def invoke(self, prepared: Any) -> Tensors:
        """Run one batch from `prepare` and return the raw outputs, copies. This is the call that is timed."""

    def scores(self, raw: Any, output: str | None = None) -> npt.NDArray[np.float32]:
        """Return a raw output as real values, float32, its batch first: of several, the one called `output`."""

    def outputs(self, raw: Any) -> dict[str, npt.NDArray[np.float32]]:
        """Return all raw outputs as real values, float32, by name."""

    def memory(self) -> Memory:
        """Return what the loaded model takes, as far as the runtime tells."""

    def close(self) -> None:
        """Let go of the model. Nothing else is called after it."""


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """A runtime: its name, what it can be set to, and how a file is loaded into it.

    `extra` is the optkit extra that installs it (`pip install 'optkit[micro]'`), None when it is always there, and
    `modules` what must then be importable. `settings` is a frozen dataclass with defaults, which validates itself: its
    fields are what a suite may set. `times` is False when its time says nothing of where the file will run: then it is
    never timed. `suffixes` are those of the files that it runs.
    `cpu_time` says that with one thread all work is done by the thread that calls, so its CPU time is the time that a
    call takes. `tunable` are settings worth trying when the fastest is looked for, beside the defaults; each gives the
    same results up to rounding.
    `tries_itself` says that its runner lets a file from elsewhere meet native code in a process of its own first.
    `refusal(path, settings)` says why it would not run a file (operator, reason, what to change); None when it would.
    `runner(path, settings, threads=…, batch=…, sample_shapes=…)` loads a file, and raises ArtifactError.
    `ships(path, settings)` gives the file that is shipped where it is not the one at `path`, but what this runtime
    makes of it. None: it is the file itself.
    """

    name: str
    settings: type
    version: Callable[[], str]
    suffixes: tuple[str, ...]
    refusal: Callable[[Path, Any], str | None]
    runner: Callable[..., Runner]
    about: str = ""
    extra: str | None = None
    modules: tuple[str, ...] = ()
    times: bool = True
    cpu_time: bool = False
    tries_itself: bool = False
    tunable: tuple[Mapping[str, Any], ...] = ()
    ships: Callable[[Path, Any], bytes] | None = None

    @property
    def installed(self) -> bool:
        """Whether what it needs can be imported; nothing is imported to tell."""
        return all(_found(module) for module in self.modules)

    def need(self) -> None:
        """Raise ArtifactError, which names the extra, unless the runtime is installed."""
        if not self.installed:
            raise ArtifactError(f"runtime {self.name!r} is not installed; pip install 'optkit[{self.extra}]'")


def _found(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of a.b, when there is no a
        return False
