"""Suite files of schema 2: `model`, `data`, `metric`, short `variants`, `budget`; turned into the tables of schema 1.

So there is one form behind both. Everything of schema 1 may stand in a file of schema 2 as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from optkit.errors import SuiteError
from optkit.spec import OwnModel
from optkit.spec.bounds import BUDGET_KEYS, Bound, read_bounds
from optkit.suites.recipes import recipe

_WORKLOAD_KEYS = ("model", "data", "task", "output", "metric", "better", "custom_objects", "seed")
SHORT_KEYS = (*_WORKLOAD_KEYS, "training", "budget")
"""What a file of schema 2 may hold at its top, beside the keys of schema 1."""

BASELINE = "float32"
"""The name of the baseline when the file names none: the user's own model, as a float .tflite file."""

_SAME = {"accuracy_drop": "drop", "accuracy": "score"}
_SIDES = {"max": ("max", "below"), "min": ("min", "above")}
_NARROWER = ("at", "target", "threads", "kind")
"""What a gate may be besides a bound on a variant: it then holds beside the budget, and not in its place."""


def long_form(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document of schema 2 as one of schema 1, whose workload may name a `model` and `data` of the user's.

    Raises SuiteError when a short key is wrong.
    """
    found = {key: value for key, value in document.items() if key not in SHORT_KEYS}
    found["schema"] = 1
    workload = {**_table(document.get("workload", {}), "workload")}
    for key in _WORKLOAD_KEYS:
        if key in document:
            if key in workload:
                raise SuiteError(f"{key} stands at the top of the file and in [workload]; drop one of them")
            workload[key] = document[key]
    found["workload"] = workload
    _check_model(workload)
    found["variants"] = _variants(document, workload)
    if "model" in workload and "baseline" not in document:
        found["baseline"] = BASELINE
    found["gates"] = [*_gates(document, found), *_list(document.get("gates", []), "gates")]
    return found


def _check_model(workload: Mapping[str, Any]) -> None:
    model = workload.get("model")
    if model is not None and (not isinstance(model, str) or not model):
        raise SuiteError(f'model is {model!r}; expected a path or "package.module:function"')
    if model is not None and "network" in workload:
        raise SuiteError("the workload has a model and a network; drop one of them")
    if model is not None and "data" not in workload and "dataset" not in workload:
        raise SuiteError('data is missing; name your arrays (data = "data.npz"), a folder of images, or a function')


def _variants(document: Mapping[str, Any], workload: Mapping[str, Any]) -> Any:
    given = document.get("variants")
    if isinstance(given, Mapping):
        own = given.get(document.get("baseline")) if isinstance(document.get("baseline"), str) else None
        added = _baseline(given, workload)
        return dict(given) if own is not None and own in added.values() else {**added, **given}
    if not isinstance(given, list) or not given or not all(isinstance(name, str) for name in given):
        raise SuiteError(
            f'variants is {given!r}; expected names of recipes, such as ["dynamic_range", "int8"], or tables'
        )
    training = _table(document.get("training", {}), "training")
    found = _baseline({}, workload)
    for i, name in enumerate(given):
        try:
            if is_finished(name):
                _add_finished(found, name)
            else:
                found.setdefault(name, recipe(name, training))
        except SuiteError as error:
            raise SuiteError(f"variants[{i}]: {error}") from error
    return found


def is_finished(name: str) -> bool:
    """Tell whether a variant's name is the path of a finished file, and not that of a recipe."""
    return name.lower().endswith(".tflite")


def _add_finished(found: dict[str, Any], path: str) -> None:
    """Add the variant that is the finished file at `path`, called as the file is."""
    name = PurePath(path).stem
    if name in found:
        raise SuiteError(f"there is a variant {name!r} already; write it as a table: [variants.NAME], model = {path!r}")
    found[name] = {"model": path}


def _baseline(given: Mapping[str, Any], workload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variant that is the user's model itself, unless the file has its own."""
    if BASELINE in given or "model" not in workload:
        return {}
    itself = OwnModel(name=workload["model"]).is_tflite
    return {BASELINE: {} if itself else {"conversion": {"mode": "float32"}}}


def _gates(document: Mapping[str, Any], found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the gates of `budget`: on every variant but the baseline and those with a gate of their own."""
    baseline = found.get("baseline", "baseline")
    variants = [name for name in found["variants"] if name != baseline]
    own = [gate for gate in _list(document.get("gates", []), "gates") if isinstance(gate, Mapping)]
    gates = []
    for bound in budget_of(document):
        left = [name for name in variants if not any(_takes_place(gate, bound, name) for gate in own)]
        if not left:  # each has a gate of its own
            continue
        modes = {"modes": [bound.of.mode]} if bound.of.mode else {}
        gates.append({"metric": bound.of.metric, bound.kind: bound.limit, "variants": left, **modes})
    return gates


def _takes_place(gate: Mapping[str, Any], bound: Bound, variant: str) -> bool:
    """Tell whether a `[[gates]]` table that names `variant` says of it what the budget says of all."""
    named = gate.get("variants")
    if not isinstance(named, list) or variant not in named or any(key in gate for key in _NARROWER):
        return False
    modes = gate.get("modes", [])
    same = _SAME.get(str(gate.get("metric")), gate.get("metric")) == _SAME.get(bound.of.metric, bound.of.metric)
    every = not modes or bound.of.mode in modes
    return same and every and any(side in gate for side in _SIDES[bound.kind])


def budget_of(document: Mapping[str, Any]) -> tuple[Bound, ...]:
    """Return the bounds of a document's `budget`; none when it has none. Raises SuiteError when one is wrong."""
    try:
        return read_bounds(_table(document.get("budget", {}), "budget"), BUDGET_KEYS, "budget.")
    except ValueError as error:
        raise SuiteError(str(error)) from error


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SuiteError(f"{where} is {value!r}; expected a table")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise SuiteError(f"{where} is {value!r}; expected [[{where}]] tables")
    return value
