"""What a run was measured on, as far as it decides what may be compared: processor, system, Python, libraries.

Law: environments differ when a field that both runs know differs; what only one of them knows proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from optkit.record.facts import RuntimeFacts
from optkit.record.machine import Machine
from optkit.record.run import Run


def environment_of(run: Run) -> dict[str, Any]:
    """Return processor, cores, system, Python version, and the versions of runtimes and training libraries."""
    libraries = ((facts.runtime, facts.spec.get("libraries", {})) for facts in run.variants.values())
    return environment_from(run.machine, libraries)


def environment_from(machine: Machine, libraries: Iterable[tuple[RuntimeFacts, Mapping[str, Any]]]) -> dict[str, Any]:
    """Return the same of a machine, and of each variant's runtime and training libraries."""
    found: dict[str, Any] = {"processor": machine.processor, "cores": machine.cores}
    found |= {"machine": machine.architecture, "system": machine.system, "python_version": machine.python_version}
    for runtime, versions in libraries:
        found[runtime.name] = runtime.version
        found |= versions
    return found


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the names of the fields that both environments know and that differ, sorted."""
    return [name for name in sorted(one.keys() & other.keys()) if one[name] != other[name]]


def grouped(found: Iterable[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[int]]:
    """Return the distinct environments, each with all that is known of it, and which one each of `found` is of."""
    distinct: list[dict[str, Any]] = []
    numbers = []
    for one in found:
        number = next((i for i, known in enumerate(distinct) if not differing(known, one)), len(distinct))
        if number == len(distinct):
            distinct.append({})
        distinct[number] |= one
        numbers.append(number)
    return distinct, numbers
