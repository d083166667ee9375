"""The machine that a run was made on, as pytest-benchmark saves it in `machine_info`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from optkit.errors import RecordError
from optkit.files.documents import DocumentError, check_levels, typed
from optkit.names import shown_values


class SavedCpu(msgspec.Struct):
    """What is read of the processor."""

    brand_raw: str | None = None
    count: int | None = None


class SavedMachine(msgspec.Struct):
    """What is read of `machine_info`. Any field may be missing."""

    node: str | None = None
    machine: str | None = None
    system: str | None = None
    python_version: str | None = None
    cpu: SavedCpu | None = None


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The machine of a run; a field is None when it was not saved.

    `architecture` is such as `x86_64`, `processor` the name of the CPU, `node` the name of the host. `saved` is all of
    `machine_info`, to be shown or saved again; control characters in its texts are escaped.
    """

    node: str | None = None
    architecture: str | None = None
    system: str | None = None
    python_version: str | None = None
    processor: str | None = None
    cores: int | None = None
    saved: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return f"{self.processor or 'unknown processor'}, {self.cores or '?'} cores"


def read_machine(saved: Mapping[str, Any]) -> Machine:
    """Return the machine of a saved `machine_info`. Raises RecordError when pytest-benchmark saves no such thing."""
    try:
        check_levels(saved)
        safe = shown_values(saved)
        return machine_of(typed(safe, SavedMachine), safe)
    except DocumentError as error:
        raise RecordError(f"machine_info is not what pytest-benchmark saves: {error}") from error


def machine_of(found: SavedMachine, saved: Mapping[str, Any] | None = None) -> Machine:
    """Return the machine that `found` is read of; without all of what was `saved`, when that is not needed."""
    cpu = found.cpu or SavedCpu()
    return Machine(
        node=found.node,
        architecture=found.machine,
        system=found.system,
        python_version=found.python_version,
        processor=cpu.brand_raw,
        cores=cpu.count,
        saved=saved or {},
    )
