"""The user's own model and data as a suite file names them."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from optkit.data.own import make_own, read_own
from optkit.data.tasks import work_out_task
from optkit.errors import SuiteError, nearest
from optkit.files.functions import is_function
from optkit.models.look import look_at_model
from optkit.spec import OwnModel, OwnSource, Suite
from optkit.spec.metrics import TASK_METRICS

_SKIPPED = ("source", "raw", "task", "folder", "allowed")
DATA_KEYS = tuple(
    name for function in (read_own, make_own) for name in inspect.signature(function).parameters if name not in _SKIPPED
)
"""What a `data` table may hold beside its path."""


def own_model(table: dict[str, Any]) -> OwnModel | None:
    """Take the user's model out of a workload's table; None when it has none."""
    if "model" not in table:
        return None
    return OwnModel(name=table.pop("model"), custom_objects=table.pop("custom_objects", ""))


def own_source(table: dict[str, Any]) -> OwnSource | None:
    """Take the user's data out of a workload's table: a path, or a table with a path; None when it has none."""
    if "data" not in table:
        return None
    given = table.pop("data")
    params = {"path": given} if isinstance(given, str) else dict(given)
    path = params.pop("path", None)
    if not isinstance(path, str) or not path:
        raise SuiteError(f'data is {given!r}; expected a path, a function, or a table with path = "data.npz"')
    for key in params:
        if key not in DATA_KEYS:
            raise SuiteError(f"data: unknown key {key!r}; {nearest(key, ('path', *DATA_KEYS))}")
    return OwnSource(name=path, params=params)


def known_classes(suite: Suite) -> dict[str, int]:
    """Return how many classes the user's model file tells apart, as `classes`; empty when that is not known.

    So a label beyond them is refused when the data are read. Raises ArtifactError when the file cannot be read.
    """
    workload = suite.workload
    place = suite.folder / workload.network.name
    known = "classes" in workload.dataset.params or workload.task not in ("multiclass", "sequence")
    if known or not isinstance(workload.network, OwnModel) or is_function(workload.network.name) or place.is_dir():
        return {}
    output = look_at_model(place).output
    return {"classes": output[-1]} if output and output[-1] and output[-1] > 1 else {}


def check_metric(name: str | None) -> None:
    """Raise SuiteError when `name` is neither a metric of a task nor a function."""
    if name is not None and not is_function(name) and name not in TASK_METRICS:
        raise SuiteError(
            f"there is no metric {name!r}; {nearest(name, TASK_METRICS)}; or a function, 'package.module:function'"
        )


def with_task(suite: Suite) -> Suite:
    """Return `suite` with its task worked out from the model and the labels, where the file leaves it open."""
    workload = suite.workload
    if workload.task != "auto":
        return suite
    source = workload.dataset
    reading = {key: source.params[key] for key in ("size", "channels") if key in source.params}
    raw = read_own(source.name, folder=suite.folder, allowed=suite.allowed, **reading)
    look = look_at_model(suite.folder / workload.network.name)
    if look.output is None:
        raise SuiteError('the task cannot be worked out from the model; add task = "multiclass", or which it is')
    shape = next(iter(look.inputs.values()), None)
    task, _ = work_out_task(
        look.output,
        look.activation,
        raw.labels,
        input_shape=tuple(size or 1 for size in shape) if shape else None,
    )
    return dataclasses.replace(suite, workload=dataclasses.replace(workload, task=task))
