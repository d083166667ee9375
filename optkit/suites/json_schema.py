"""The JSON Schema of suite files, made from the types that read them: for editors, which complete and check by it.

It says what a file may hold. What depends on other parts of the file (names of variants, orders of steps) is checked
when the file is read, and only then.
"""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import msgspec

from optkit.data import DATASETS
from optkit.models import NETWORKS
from optkit.spec import Conversion, Gate, Training, Workload
from optkit.spec.bounds import BUDGET_KEYS
from optkit.spec.metrics import METRICS, MODES
from optkit.spec.running import TUNE
from optkit.spec.target import KINDS
from optkit.suites.form import DataTable
from optkit.suites.meanings import meaning
from optkit.suites.recipes import KNOWN
from optkit.suites.targets import HIDDEN, limit_keys
from optkit.techniques import TECHNIQUES

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEXT = {"type": "string"}
_OVERRIDES = {"type": "object", "additionalProperties": {"type": "object"}}
"""What any table may hold under `on`: tables by the name of a data set or profile."""
_RUNNING: dict[str, Any] = {"runtime": _TEXT, "settings": {"oneOf": [{"const": TUNE}, {"type": "object"}]}}
_HIDDEN = {"Gate": ("origin", "runtime"), **{kind.__name__: HIDDEN for kind in KINDS}}


def suite_schema() -> dict[str, Any]:
    """Return the schema of suite files of schema 1 and 2, as plain JSON types."""
    steps = {name: technique.step for name, technique in TECHNIQUES.items()}
    _, definitions = msgspec.json.schema_components(
        (Training, Conversion, Gate, DataTable, *KINDS, *steps.values()), ref_template="#/$defs/{name}"
    )
    for name, definition in definitions.items():
        _open(definition, hidden=_HIDDEN.get(name, ()))
    for name, kind in steps.items():
        definitions[kind.__name__]["properties"]["technique"] = {"const": name}
        definitions[kind.__name__]["required"] = ["technique"]
    for target in KINDS:
        definition = definitions[target.__name__]
        definition["properties"] |= {key: {"type": "number"} for key in limit_keys(target)}
        definition["properties"][target.by] = {"const": target.of}
        for key, known in target.choices.items():
            definition["properties"][key]["enum"] = list(known)
        definition["required"] = [target.by]
    definitions.pop("Bound", None)
    definitions["DataTable"]["required"] = ["path"]
    definitions["Gate"]["properties"]["metric"] = {"enum": sorted(METRICS)}
    definitions["Gate"]["properties"]["modes"] = {**_names(MODES), "default": []}
    definitions["Step"] = {"oneOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in steps.values()]}
    definitions["Variant"] = _table(
        {
            "from": _TEXT,
            "model": _TEXT,
            "network": _named(NETWORKS),
            "training": _ref("Training"),
            "steps": {"type": "array", "items": _ref("Step")},
            "conversion": _ref("Conversion"),
            **_RUNNING,
        }
    )
    top = _table(_top(), required=("schema", "name"))
    tables = {**{kind.__name__: name for name, kind in steps.items()}, "DataTable": "data"}
    tables |= {kind.__name__: "target" for kind in KINDS}
    for name, definition in definitions.items():
        if "properties" in definition:
            _explain(definition, tables.get(name, name.lower()))
    _explain(top, "suite")
    for name in ("workload", "budget"):
        _explain(top["properties"][name], name)
    return {"$schema": _DIALECT, "title": "optkit suite file", **top, "$defs": definitions}


def _top() -> dict[str, Any]:
    tasks = list(get_args(get_type_hints(Workload)["task"]))
    own: dict[str, Any] = {
        "model": _TEXT,
        "data": {"oneOf": [_TEXT, _ref("DataTable")]},
        "output": _TEXT,
        "metric": _TEXT,
        "better": _TEXT,
        "custom_objects": _TEXT,
    }
    task, seed, training = {"enum": tasks}, {"type": "integer"}, _ref("Training")
    workload = {"dataset": _named(DATASETS), "network": _named(NETWORKS), "training": training, "task": task}
    number = {"type": "number"}
    return {
        "schema": {"enum": [1, 2]},
        "name": _TEXT,
        "description": _TEXT,
        "extends": _TEXT,
        "baseline": _TEXT,
        "profiles": {"type": "array", "items": _TEXT, "minItems": 1},
        "modes": _names(MODES),
        **_RUNNING,
        "workload": _table({**workload, **own, "seed": seed}),
        **own,
        "task": task,
        "seed": seed,
        "training": training,
        "variants": {
            "oneOf": [
                {"type": "array", "minItems": 1, "items": {"type": "string", "examples": list(KNOWN)}},
                {"type": "object", "minProperties": 1, "additionalProperties": _ref("Variant")},
            ]
        },
        "budget": _table({key: number for key in BUDGET_KEYS}),
        "gates": {"type": "array", "items": _ref("Gate")},
        "search": {"type": "object"},
        "targets": {
            "type": "object",
            "additionalProperties": {"oneOf": [_ref(kind.__name__) for kind in KINDS]},
        },
    }


def _open(definition: dict[str, Any], hidden: tuple[str, ...]) -> None:
    """Let a table have `on`, and keys that come from elsewhere: nothing is required, and nothing unknown allowed."""
    for name in hidden:
        definition["properties"].pop(name, None)
    definition["properties"]["on"] = _OVERRIDES
    definition["additionalProperties"] = False
    definition.pop("required", None)


def _table(properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    found = {"type": "object", "properties": {**properties, "on": _OVERRIDES}, "additionalProperties": False}
    return {**found, **({"required": list(required)} if required else {})}


def _explain(table: dict[str, Any], name: str) -> dict[str, Any]:
    """Say of each key of a table what it means. Returns the table."""
    table["properties"] = {
        key: {**value, "description": meaning(name, key)} for key, value in table["properties"].items()
    }
    return table


def _named(known: Any) -> dict[str, Any]:
    name = {"enum": sorted(known)}
    return {"oneOf": [name, _table({"name": name, "params": {"type": "object"}})]}


def _names(known: Any) -> dict[str, Any]:
    return {"type": "array", "items": {"enum": list(known)}}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}
