"""docs/reference/suite-keys.md: every key of a suite file, made of its JSON Schema, with the errors of wrong values.

Types, defaults and meanings are the schema's. The errors are what the reader of suite files says to a wrong value.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.studies.pages.markdown import code, made, table
from optkit.errors import OptkitError
from optkit.spec.target import KINDS
from optkit.suites import read_suite
from optkit.suites.json_schema import suite_schema
from optkit.techniques import TECHNIQUES

Table = dict[str, Any]

_HEAD = """\
# Keys of a suite file

{made}

[Suite files](../suites.md) explains how a suite is written. Here is every key, made of the JSON Schema that
`optkit schema` prints. "A wrong value" is an example, and what you read then. A key that is not in its table is an
error that names the nearest one:

```
{unknown}
```

Any table may hold `on`: [overrides](../suites.md#overrides-per-data-set) by the name of a data set or profile."""

_WORKLOAD = "In schema 2 its keys may stand at the top, too."
_BASE: Table = {
    "schema": 1,
    "name": "example",
    "workload": {"dataset": "mnist", "network": "mnist_conv", "training": {"epochs": 1}},
    "variants": {"baseline": {}},
}
_OWN: Table = {
    "schema": 2,
    "name": "example",
    "model": "model.keras",
    "data": {"path": "data.npz"},
    "variants": ["int8"],
}
_OF_BOTH = ("schema", "name", "description", "baseline", "profiles", "modes", "workload", "gates")
"""Keys at the top that schema 1 has, too."""
_OF_CLASSES = ("training", "conversion", "gate", "step", "teaching")
"""Tables that are read into a class: what has no default there is needed."""
_STEP_NEEDS: dict[str, Table] = {"distill": {"teacher": "baseline"}}
_WRONG: dict[str, Sequence[Any]] = {
    "integer": (-1, "wrong"),
    "number": (-1, "wrong"),
    "string": ("wrong", -1),
    "boolean": ("wrong",),
    "array": (["wrong"], -1),
    "object": ({"wrong": 1}, -1),
}
"""What is tried of a type, in this order, until the reader refuses one."""
_WRONG_TEXTS = {"name": "a/b", "at": "95", "extends": -1}
"""Of texts that may be nearly anything, one that is wrong."""


def page(command: str) -> str:
    """Return the page; `command` is what makes it."""
    schema = suite_schema()
    tables = schema["$defs"]
    parts = [
        _HEAD.format(made=made(command), unknown=refusal({**_BASE, "bassline": "baseline"})),
        _section("The top of the file", "", schema, ("suite",)),
        _section("[workload]", _WORKLOAD, schema["properties"]["workload"], ("workload",)),
        _section("data, as a table", "", tables["DataTable"], ("data",)),
        _section("[workload.training]", "A variant's `training` has the same keys.", tables["Training"], ("training",)),
        _section("budget", "", schema["properties"]["budget"], ("budget",)),
        _section("[variants.NAME]", "", tables["Variant"], ("variant",)),
        _section("conversion", "", tables["Conversion"], ("conversion",)),
        _section("[[gates]]", "One bound or more is needed.", tables["Gate"], ("gate",)),
    ]
    for number, target in enumerate(KINDS):
        title = f'[targets.NAME], {target.by} = "{target.of}"'
        about = "One limit or more is needed. See [microcontrollers](../microcontrollers.md)." if not number else ""
        parts.append(
            _section(title, about, tables[target.__name__], ("target", target.by, target.of, target.quantities[0]))
        )
    for name, technique in TECHNIQUES.items():
        title = f'steps: technique = "{name}"'
        parts.append(_section(title, "", tables[technique.step.__name__], ("step", name)))
    parts.append(_section("teaching", "Of a step that learns from a teacher.", tables["Teaching"], ("teaching",)))
    return "\n\n".join(parts) + "\n"


def _section(title: str, about: str, found: Mapping[str, Any], place: tuple[str, ...]) -> str:
    needed = found.get("required", [])
    if place[0] in _OF_CLASSES:
        needed = [key for key, value in found["properties"].items() if "default" not in value]
    rows = [("key", "type", "default", "meaning", "a wrong value")]
    for key, value in found["properties"].items():
        if key != "on":
            default = "needed" if key in needed else _default(value)
            rows.append((code(key), kind(value), default, value["description"], wrong(place, key, value)))
    return "\n\n".join(filter(None, (f"## {title}", about, table(*rows))))


def kind(value: Mapping[str, Any]) -> str:
    """Return the type of a value as a reader says it."""
    if "const" in value:
        return code(_toml(value["const"]))
    if "enum" in value:
        return ", ".join(code(_toml(one)) for one in value["enum"] if one is not None)
    if "$ref" in value:
        name = value["$ref"].rsplit("/", 1)[1].removesuffix("Table")
        return f"table ({name.lower()})"
    for several in ("oneOf", "anyOf"):
        if several in value:
            kinds = [kind(one) for one in value[several] if one.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    if value.get("type") == "array":
        inner = kind(value["items"]) if value.get("items") else "values"
        return f"list of: {inner}"
    if value.get("type") == "object":
        values = value.get("additionalProperties")
        return f"table of: {kind(values)}" if isinstance(values, Mapping) else "table"
    return {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}.get(
        str(value.get("type")), "value"
    )


def _default(value: Mapping[str, Any]) -> str:
    if value.get("default") in (None, "", [], {}):
        return ""
    return code(_toml(value["default"]))


def wrong(place: tuple[str, ...], key: str, value: Mapping[str, Any]) -> str:
    """Return a wrong value of `key`, and what the reader of suite files says to it; empty when any value is right."""
    for one in _candidates(key, value):
        said = refusal(_document(place, key, one))
        if said and f"unknown key '{key}'" not in said:
            return f"{code(_toml(one))}: {said}"
    return ""


def _candidates(key: str, value: Mapping[str, Any]) -> Iterator[Any]:
    if key in _WRONG_TEXTS:
        yield _WRONG_TEXTS[key]
    several = [one for name in ("oneOf", "anyOf") for one in value.get(name, ())] or [value]
    for one in several:
        kind = "string" if "enum" in one or "const" in one else "object" if "$ref" in one else one.get("type")
        yield from _WRONG.get(str(kind), ())


def _document(place: tuple[str, ...], key: str, one: Any) -> Table:
    """Return a suite file that is right but for `key` of the table at `place`."""
    if place == ("suite",):
        return {**(_BASE if key in _OF_BOTH else _OWN), key: one}
    if place == ("workload",):
        if key in ("model", "data", "metric", "better"):
            return {**_OWN, key: one}
        return {**_BASE, "workload": {**_BASE["workload"], key: one}}
    if place == ("data",):
        return {**_OWN, "data": {**_OWN["data"], key: one}}
    if place == ("training",):
        return {**_BASE, "workload": {**_BASE["workload"], "training": {"epochs": 1, key: one}}}
    if place == ("budget",):
        return {**_OWN, "budget": {key: one}}
    if place == ("variant",):
        return {**_BASE, "variants": {"baseline": {}, "other": {key: one}}}
    if place == ("conversion",):
        return _with_variant({"conversion": {"mode": "int8", key: one}})
    if place == ("gate",):
        return {**_BASE, "gates": [{"metric": "seconds", "max": 1, key: one}]}
    if place[0] == "target":
        _, by, of, quantity = place
        both = {"baseline": {}, "small": {"conversion": {"mode": "int8"}}}
        return {**_BASE, "variants": both, "targets": {"place": {by: of, f"max_{quantity}": 1, key: one}}}
    if place == ("teaching",):
        return _with_variant({"steps": [{"technique": "prune", "teaching": {"teacher": "baseline", key: one}}]})
    step = {"technique": place[1], **_STEP_NEEDS.get(place[1], {}), key: one}
    return _with_variant({"steps": [step]})


def _with_variant(variant: Table) -> Table:
    return {**_BASE, "variants": {"baseline": {}, "other": variant}}


def _toml(value: Any) -> str:
    """Return a value as a suite file has it."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(one)}' for key, one in value.items())} }}"
    return json.dumps(value)


def refusal(document: Table) -> str:
    """Return what the reader of suite files says to `document`; empty when it takes it."""
    try:
        read_suite(document)
    except OptkitError as error:
        return str(error)
    return ""
