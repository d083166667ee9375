"""The trials of a search as an ordinary suite file, so that builds, stores and records know nothing of searches."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit

from optkit.data import DATA_MODES, DATASETS
from optkit.files.functions import is_function
from optkit.spec import OwnModel, OwnSource, Suite
from optkit.suites import read_suite_file

DATA_NAMES = {name for entry in DATASETS.values() for name in entry.names}

HOLDOUT = 0.1
"""The share of the training samples that no trial trains on, where the suite's training holds none out."""


def validating(table: Mapping[str, Any], share: float) -> dict[str, Any]:
    """Return a variant's table in which every training leaves the same last samples out: to choose by."""
    found: dict[str, Any] = copy.deepcopy(dict(table))
    if "from" not in found:
        found["training"] = {**found.get("training", {}), "validation_split": share}
    for step in found.get("steps", ()):
        if "epochs" in step:
            step["validation_split"] = share
    return found


def shortened(table: Mapping[str, Any], part: float) -> dict[str, Any]:
    """Return a variant's table whose steps train for a `part` of their epochs, for one at least."""
    found: dict[str, Any] = copy.deepcopy(dict(table))
    for step in found.get("steps", ()):
        if "epochs" in step:
            step["epochs"] = max(1, round(step["epochs"] * part))
    return found


def write_trials(path: Path, suite: Suite, tables: Mapping[str, Mapping[str, Any]], share: float, data: str) -> None:
    """Write a suite file that extends `suite` by the variants `tables`, at once.

    All training holds `share` out, on the data set `data` as on any other.
    """
    split = {"validation_split": share}
    own = isinstance(suite.workload.network, OwnModel)
    training = split if own or data not in DATA_NAMES else {**split, "on": {data: split}}
    document: dict[str, Any] = {
        "schema": 2,
        "name": f"{suite.name[:80]}-search",
        "extends": str(suite.path.absolute()) if suite.path else suite.name,
        "gates": [],
        **({"training": training} if own else {"workload": {"training": training}}),
        "variants": tables,
        **_absolute(suite),
    }
    part = path.with_suffix(".part")
    part.write_text(tomlkit.dumps(document), encoding="utf-8")
    part.replace(path)


def _absolute(suite: Suite) -> dict[str, str]:
    """Return the model and the data of a suite of the user's own as another file can name them."""
    found: dict[str, str] = {}
    named = {"model": suite.workload.network, "data": suite.workload.dataset}
    for key, source in named.items():
        if isinstance(source, (OwnModel, OwnSource)):
            found[key] = source.name if is_function(source.name) else str((suite.folder / source.name).absolute())
    return found


def read_trials(path: Path, suite: Suite, data: str, chosen: str) -> Suite:
    """Return the suite in the file at `path`, in the profile of `suite`, on the data set `data`, chosen as `chosen`."""
    source = f"{path}:{suite.profile}" if suite.profile else str(path)
    file = read_suite_file(source, None if chosen in DATA_MODES else chosen, suite.allowed)
    return file.on(data)
