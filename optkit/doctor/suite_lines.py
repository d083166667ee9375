"""The lines of a suite file that make a recipe permanent."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit

from optkit.data import DATASETS
from optkit.errors import OptkitError
from optkit.spec import Conversion, Suite
from optkit.suites import place_of
from optkit.suites.extends import read_document
from optkit.suites.recipes import recipe


def conversion_keys(conversion: Conversion) -> dict[str, Any]:
    """Return the keys of a conversion that are not the default, and its mode."""
    found = {"mode": conversion.mode}
    for field in dataclasses.fields(conversion):
        value = getattr(conversion, field.name)
        default = field.default if field.default is not dataclasses.MISSING else {}
        if field.name != "mode" and value != default:
            found[field.name] = value
    return found


def variant_lines(name: str, table: Mapping[str, Any]) -> list[str]:
    """Return the lines of a variant: its keys, each in one line."""
    return [f"[variants.{_key(name)}]", *(f"{key} = {_toml(value)}" for key, value in table.items())]


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() else tomlkit.string(name).as_string()


def _toml(value: Any) -> str:
    """Return a value as TOML in one line."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(str(key))} = {_toml(item)}" for key, item in value.items())
        return f"{{ {inside} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    return str(tomlkit.item(value).as_string())


def for_files(model: str, data: str | None, task: str, conversion: Conversion, name: str) -> str:
    """Return a whole suite file for a float .tflite file, with one variant besides it."""
    lines = ["schema = 2", 'name = "mended"', f"model = {_toml(model)}"]
    if data and data not in DATASETS:
        lines.append(f"data = {_toml(data)}")
    if task:
        lines.append(f"task = {_toml(task)}")
    if data in DATASETS:
        lines += ["", "[workload]", f"dataset = {_toml(data)}"]
    if not data:
        lines.append('# data = "data.npz"  # the data that you gave')
    return "\n".join([*lines, "", *variant_lines(name, {"conversion": conversion_keys(conversion)})])


def for_suite(suite: Suite, variant: str, conversion: Conversion, steps: Sequence[str], name: str) -> str:
    """Return the lines to add to a suite file: a variant that goes on from `variant`, with the mended recipe.

    Where the file lists its variants by name (`variants = ["int8"]`), TOML has no room for one more table: the lines
    then have all of them as tables, to stand in the place of that list.
    """
    table: dict[str, Any] = {"from": variant}
    if steps:
        table["steps"] = [{"technique": step} for step in steps]
    table["conversion"] = conversion_keys(conversion)
    own = variant_lines(name, table)
    listed, training = _listed(suite)
    if not listed:
        return "\n".join(own)
    lines = [f"# At the end of the file, in place of the line variants = {_toml(listed)}"]
    for each in listed:
        lines += [*variant_lines(each, recipe(each, training)), ""]
    return "\n".join([*lines, *own])


def _listed(suite: Suite) -> tuple[list[str], dict[str, Any]]:
    """Return the recipes that a suite file lists by name, and its keys of training; none when it has tables."""
    try:
        document = read_document(place_of(suite.source), place_of).tables
    except OptkitError:
        return [], {}
    found = document.get("variants")
    return ([str(name) for name in found], document.get("training", {})) if isinstance(found, list) else ([], {})


def unused_name(suite: Suite, wanted: str) -> str:
    """Return `wanted`, with a number behind it when a variant of the suite has that name."""
    known = {variant.name for variant in suite.variants}
    found, number = wanted, 2
    while found in known:
        found, number = f"{wanted}_{number}", number + 1
    return found
