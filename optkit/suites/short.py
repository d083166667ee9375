"""Suite files of schema 2: `model`, `data`, `metric`, short `variants`, `budget`; turned into the tables of schema 1.

So there is one form behind both. Everything of schema 1 may stand in a file of schema 2 as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optkit.errors import SuiteError, nearest
from optkit.spec import OwnModel
from optkit.suites.recipes import recipe

_WORKLOAD_KEYS = ("model", "data", "task", "output", "metric", "better", "custom_objects", "seed")
SHORT_KEYS = (*_WORKLOAD_KEYS, "training", "budget")
"""What a file of schema 2 may hold at its top, beside the keys of schema 1."""

BASELINE = "float32"
"""The name of the baseline when the file names none: the user's own model, as a float .tflite file."""

_BUDGET: dict[str, tuple[str, str, float, tuple[str, ...]]] = {
    "file_bytes": ("file_bytes", "max", 1.0, ()),
    "zip_bytes": ("zip_bytes", "max", 1.0, ()),
    "drop": ("drop", "max", 1.0, ()),
    "accuracy": ("accuracy", "min", 1.0, ()),
    "size_ratio": ("size_ratio", "min", 1.0, ()),
    "single_sample_us": ("seconds", "max", 1e-6, ("single_sample",)),
    "single_batch_us": ("seconds", "max", 1e-6, ("single_batch",)),
    "full_set_s": ("seconds", "max", 1.0, ("full_set",)),
}
"""A key of `budget`: the metric, which bound it is, the unit in the metric's own, and the modes."""
BUDGET_KEYS = tuple(_BUDGET)


def unit_of(key: str) -> float:
    """Return the unit of a key of `budget`, in that of its metric: 1e-6 of one in µs."""
    return _BUDGET[key][2]


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
        return {**_baseline(given, workload), **given}
    if not isinstance(given, list) or not given or not all(isinstance(name, str) for name in given):
        raise SuiteError(
            f'variants is {given!r}; expected names of recipes, such as ["dynamic_range", "int8"], or tables'
        )
    training = _table(document.get("training", {}), "training")
    found = _baseline({}, workload)
    for i, name in enumerate(given):
        try:
            found.setdefault(name, recipe(name, training))
        except SuiteError as error:
            raise SuiteError(f"variants[{i}]: {error}") from error
    return found


def _baseline(given: Mapping[str, Any], workload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variant that is the user's model itself, unless the file has its own."""
    if BASELINE in given or "model" not in workload:
        return {}
    itself = OwnModel(name=workload["model"]).is_tflite
    return {BASELINE: {} if itself else {"conversion": {"mode": "float32"}}}


def _gates(document: Mapping[str, Any], found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the gates that `budget` stands for: on every variant but the baseline."""
    budget = _table(document.get("budget", {}), "budget")
    baseline = found.get("baseline", "baseline")
    variants = [name for name in found["variants"] if name != baseline]
    gates = []
    for key, bound in budget.items():
        if key not in _BUDGET:
            raise SuiteError(f"budget: unknown key {key!r}; {nearest(key, _BUDGET)}")
        if isinstance(bound, bool) or not isinstance(bound, (int, float)):
            raise SuiteError(f"budget.{key} is {bound!r}; expected a number")
        metric, kind, unit, modes = _BUDGET[key]
        gates.append(
            {"metric": metric, kind: bound * unit, "variants": variants, **({"modes": list(modes)} if modes else {})}
        )
    return gates if variants else []


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SuiteError(f"{where} is {value!r}; expected a table")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise SuiteError(f"{where} is {value!r}; expected [[{where}]] tables")
    return value
