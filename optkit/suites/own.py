"""The user's own model and data as a suite file names them."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any

from optkit.data import Dataset
from optkit.data.fit import TensorSpec, check_fit, fitted
from optkit.data.own import IMAGE_KEYS, OwnData, make_own, read_own
from optkit.data.preprocessing import image_shape
from optkit.data.tasks import work_out_task
from optkit.errors import ArtifactError, DataError, SuiteError, nearest
from optkit.files.functions import is_function
from optkit.files.places import local_root
from optkit.models.function import function_file
from optkit.models.look import Look, look_at_model
from optkit.spec import OwnModel, OwnSource, Suite
from optkit.spec.metrics import TASK_METRICS, TASKS, Task

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


def open_own(suite: Suite) -> tuple[Suite, Dataset]:
    """Read the user's own data for `suite`: as its model takes them, and with the task that they and the model say."""
    source, network = suite.workload.dataset, suite.workload.network
    place = suite.folder / network.name
    if isinstance(network, OwnModel) and network.file:
        place = Path(network.file)
    own = isinstance(network, OwnModel) and not place.is_dir()
    look = look_at_model(place, suite.workload.output) if own else None
    reading = {**image_size(look), **{key: source.params[key] for key in IMAGE_KEYS if key in source.params}}
    raw = read_own(source.name, folder=suite.folder, allowed=suite.allowed, **reading)
    if suite.workload.task == "auto":
        task, _ = task_of(look, raw)
        suite = dataclasses.replace(suite, workload=dataclasses.replace(suite.workload, task=task))
    own_keys = {key: value for key, value in source.params.items() if key not in IMAGE_KEYS}
    making = {**_known_classes(suite, look), **own_keys}
    check_batches(raw, look)
    dataset = make_own(raw, suite.workload.known_task, **making)
    dataset = fitted(dataset, input_specs(look)) if look else dataset
    _check_finished(suite, dataset, look)
    return suite, dataset


def check_batches(raw: OwnData, look: Look | None) -> None:
    """Raise DataError when each sample of a single input is a batch of what the model takes."""
    if look is None or len(look.inputs) != 1 or len(raw.shapes) != 1:
        return
    [takes], [sample] = look.inputs.values(), raw.shapes.values()
    if takes and None not in takes and len(sample) == len(takes) + 1 and sample[1:] == takes and sample[0] > 1:
        raise DataError(
            f"{raw.origin} gives samples of shape {sample}, and the model takes {takes}: they look like batches; a "
            "generator yields one sample at a time, or give a tf.data.Dataset or a Keras sequence"
        )


def _check_finished(suite: Suite, dataset: Dataset, look: Look | None) -> None:
    """Raise DataError or ArtifactError unless each finished file beside the model takes and gives what that does."""
    for variant in suite.variants:
        if not isinstance(variant.network, OwnModel) or variant.network.name == suite.workload.network.name:
            continue
        path = suite.folder / variant.network.name
        other = look_at_model(path)
        try:
            check_fit(dataset, input_specs(other))
        except DataError as error:
            raise DataError(f"variant {variant.name!r} ({path.name}): {error}") from error
        if look and look.output and len(other.outputs) == 1 and other.output != look.output:
            raise ArtifactError(
                f"variant {variant.name!r}: {path.name} gives {other.output}, and the suite's model {look.output}; "
                "name a file of the same model"
            )


def with_model_file(suite: Suite, store: str | Path | None) -> Suite:
    """Return `suite` with the file of the model that its function returns, called if need be; else as it is.

    The function's module is where the model's own classes are looked for, unless the suite names another.
    """
    network = suite.workload.network
    if not isinstance(network, OwnModel) or not is_function(network.name):
        return suite
    root = local_root(store).absolute()
    file = function_file(network.name, suite.allowed, suite.folder, root, seed=suite.workload.seed)
    custom = network.custom_objects or network.name.split(":")[0]
    known = dataclasses.replace(network, file=str(file), custom_objects=custom)
    variants = tuple(
        dataclasses.replace(one, network=known) if one.network == network else one for one in suite.variants
    )
    return dataclasses.replace(suite, workload=dataclasses.replace(suite.workload, network=known), variants=variants)


def _known_classes(suite: Suite, look: Look | None) -> dict[str, int]:
    """Return how many classes the model tells apart, so that a label beyond them is refused; empty when not known."""
    output = look.output if look and suite.workload.task in ("multiclass", "sequence") else None
    return {"classes": output[-1]} if output and output[-1] > 1 else {}


def check_metric(name: str | None) -> None:
    """Raise SuiteError when `name` is neither a metric of a task nor a function."""
    if name is not None and not is_function(name) and name not in TASK_METRICS:
        raise SuiteError(
            f"there is no metric {name!r}; {nearest(name, TASK_METRICS)}; or a function, 'package.module:function'"
        )


def image_size(look: Look | None) -> dict[str, Any]:
    """Return what images of a folder are brought to: the size and the order of channels of the model's one input."""
    found = image_shape(next(iter(look.inputs.values()))) if look and len(look.inputs) == 1 else None
    if found is None:
        return {}
    (height, width, channels), first = found
    return {"size": (height, width), "channels": channels, **({"channels_first": True} if first else {})}


def input_specs(look: Look) -> list[TensorSpec]:
    """Return what the model takes, for data to be fitted to."""
    return [TensorSpec(name, shape, look.dtypes[name]) for name, shape in look.inputs.items()]


def task_of(look: Look | None, raw: OwnData) -> tuple[Task, str]:
    """Work out the task from the model and the labels; return it, and why. Raises SuiteError when nothing says it."""
    if look is None or look.output is None:
        raise SuiteError(
            "the task cannot be worked out from the model; say it in the suite file, or to optkit init with --task: "
            f"one of {', '.join(TASKS)}"
        )
    shape = next(iter(look.inputs.values()), None)
    known = tuple(size or 1 for size in shape) if shape else None
    return work_out_task(look.output, look.activation, raw.labels, input_shape=known)
