"""The `targets` of a suite file into values: settings by their types, limits in the words of a budget."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from optkit.errors import SuiteError, check_name, nearest
from optkit.files.documents import DocumentError, typed
from optkit.spec import Suite
from optkit.spec.bounds import read_bounds
from optkit.spec.target import KINDS, Target

HIDDEN = ("name", "limits")
"""Fields of a target that no key of its table is."""


def limit_keys(kind: type[Target]) -> tuple[str, ...]:
    """Return the keys of limits that a target of this kind may have."""
    return tuple(f"{end}_{name}" for name in kind.quantities for end in ("max", "min"))


def read_targets(tables: Any) -> tuple[Target, ...]:
    """Return the targets of a suite file's `targets`. Raises SuiteError, with the place, when anything is wrong."""
    if not isinstance(tables, Mapping):
        raise SuiteError(f"targets is {tables!r}; expected tables by name, such as [targets.cortex_m4]")
    return tuple(_read(name, table) for name, table in tables.items())


def check_variants(suite: Suite) -> None:
    """Raise SuiteError when a target names a Keras file, or the suite has no file that could run on it."""
    for target in suite.targets:
        for name in target.variants:
            if suite.variant(name).kind == "keras":
                raise SuiteError(
                    f"targets.{target.name}: {name!r} is a Keras file, which runs on no target; name a variant with a "
                    "conversion"
                )
        if not any(variant.kind == "tflite" for variant in suite.variants):
            raise SuiteError(f"targets.{target.name}: no variant is a .tflite file; add one with a conversion")


def _read(name: str, table: Any) -> Target:
    check_name(name, "target", SuiteError)
    where = f"targets.{name}"
    if not isinstance(table, Mapping):
        raise SuiteError(f"{where} is {table!r}; expected a table")
    kind = _kind(table, where)
    settings = [field.name for field in dataclasses.fields(kind) if field.name not in HIDDEN]
    for key in table:
        if key not in (*settings, *limit_keys(kind)):
            raise SuiteError(f"{where}: unknown key {key!r}; {nearest(key, (*settings, *limit_keys(kind)))}")
    given = {key: value for key, value in table.items() if key not in settings}
    try:
        limits = read_bounds(given, limit_keys(kind), f"{where}.")
    except ValueError as error:
        raise SuiteError(str(error)) from error
    rest = {key: value for key, value in table.items() if key in settings}
    try:
        found: Target = typed({**rest, "name": name, "limits": [dataclasses.asdict(one) for one in limits]}, kind)
    except DocumentError as error:
        raise SuiteError(f"{where}: {error}") from error
    return found


def _kind(table: Mapping[str, Any], where: str) -> type[Target]:
    """Return the class of a target: what its `runtime` or `compiler` says."""
    said = list(_said(table))
    if len(said) != 1:
        known = ", ".join(f'{kind.by} = "{kind.of}"' for kind in KINDS)
        got = " and ".join(said) or "neither a runtime nor a compiler"
        raise SuiteError(f"{where} has {got}; expected one of {known}")
    found = {kind.of: kind for kind in KINDS if kind.by == said[0]}
    value = table[said[0]]
    if not isinstance(value, str) or value not in found:
        raise SuiteError(f"{where}: there is no {said[0]} {value!r} for targets; {nearest(str(value), found)}")
    return found[value]


def _said(table: Mapping[str, Any]) -> Iterator[str]:
    yield from (key for key in dict.fromkeys(kind.by for kind in KINDS) if key in table)
