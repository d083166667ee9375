"""The runtimes by name, and settings made of what a suite or a command says. A runtime is imported when it is used."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

from optkit.errors import SuiteError, nearest
from optkit.files.documents import DocumentError, typed
from optkit.runtime.protocol import Runtime

DEFAULT = "litert"
"""The runtime of what names none, and of all that was saved before there was a choice."""


class Runtimes(Mapping[str, Runtime]):
    """Runtimes by name. Each is the constant `RUNTIME` of its module, which is imported when it is looked up."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self._modules = dict(modules)

    def __getitem__(self, name: str) -> Runtime:
        found: Runtime = importlib.import_module(self._modules[name]).RUNTIME
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


MODULES: dict[str, str] = {
    "litert": "optkit.runtime.litert",
    "keras": "optkit.runtime.keras_process",
    "tflite_micro": "optkit.runtime.tflite_micro",
    "mnn": "optkit.runtime.mnn",
}
"""One line a runtime: its name, and the module that has it as `RUNTIME`."""

RUNTIMES = Runtimes(MODULES)


def find_runtime(name: str) -> Runtime:
    """Return the runtime called `name`. Raises SuiteError when it is unknown, ArtifactError when not installed."""
    if name not in RUNTIMES:
        raise SuiteError(f"there is no runtime {name!r}; {nearest(name, RUNTIMES)}")
    found = RUNTIMES[name]
    found.need()
    return found


def make_settings(runtime: Runtime, values: Mapping[str, Any]) -> Any:
    """Return the runtime's settings with these values and defaults for the rest. Raises SuiteError for a wrong one."""
    known = {field.name for field in dataclasses.fields(runtime.settings)}
    for name in values:
        if name not in known:
            raise SuiteError(f"runtime {runtime.name!r} has no setting {name!r}; {nearest(name, known)}")
    hints = get_type_hints(runtime.settings)
    for name, value in values.items():
        if get_origin(hints[name]) is Literal and value not in get_args(hints[name]):
            raise SuiteError(f"setting {name} is {value!r}; {nearest(str(value), get_args(hints[name]))}")
    try:
        return typed(dict(values), runtime.settings)
    except DocumentError as error:
        raise SuiteError(f"settings of runtime {runtime.name!r}: {error}") from error


def settings_values(settings: Any) -> dict[str, Any]:
    """Return what differs from the defaults, by name: what is saved, and shown. An empty dict is all defaults."""
    fields = dataclasses.fields(settings)
    return {f.name: getattr(settings, f.name) for f in fields if getattr(settings, f.name) != f.default}
