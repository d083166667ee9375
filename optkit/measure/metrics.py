"""Metrics by name, or the user's own: from labels and outputs to `Scores`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import OptkitError, nearest
from optkit.files.functions import UserFunction, is_function, load_function
from optkit.measure.formulas import FORMULAS, checked_case
from optkit.measure.scores import Scores
from optkit.spec.metrics import TASK_METRICS, Better, Task, default_metric

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """A metric, chosen for a task: `from_outputs` measures it. `function` is the user's own, else None.

    `output` is the one that is judged, of several.
    """

    name: str
    task: Task
    unit: str
    better: Better
    function: UserFunction | None = None
    output: str = ""

    @property
    def about(self) -> dict[str, str]:
        """What a key says of it: name, task, direction and, of the user's own, the sha256 of its source."""
        code = self.function.digest if self.function else ""
        found = {"name": self.name, "task": self.task, "better": self.better, "code": code}
        return {**found, "output": self.output} if self.output else found

    def from_outputs(self, labels: Array, outputs: Any, inputs: Any = None, groups: Array | None = None) -> Scores:
        """Return the metric of `outputs` (samples, ...) against `labels` as a data set has them.

        `inputs` are the samples, which a reconstruction is compared with; `groups`, (samples,), the samples that are
        judged as one (auc of a reconstruction). Of outputs by name in a dict one is judged: `output`, or the only one.
        A function of the user's gets all of them when none is named, and `inputs` and `groups` when it has parameters
        of these names. Raises OptkitError when they do not go together, hold NaN, or the metric is NaN, raises or
        returns no number.
        """
        if isinstance(inputs, Mapping) and len(inputs) == 1:
            inputs = next(iter(inputs.values()))
        judged = outputs if self.function and not self.output else judged_output(outputs, self.output)
        if self.function:
            return self._of_function(labels if len(labels) else inputs, judged, {"inputs": inputs, "groups": groups})
        case = checked_case(self.task, labels, judged, inputs, groups)
        keep, value = FORMULAS[self.name, self.task]
        kept = keep(case)
        return self._scores(value(kept), kept, TASK_METRICS[self.name].by_sample)

    def _of_function(self, labels: Any, outputs: Any, more: Mapping[str, Any]) -> Scores:
        assert self.function
        asked = self.function.parameters
        found = self.function(labels, outputs, **{name: value for name, value in more.items() if name in asked})
        try:
            scores = np.asarray(found, np.float64)
        except (TypeError, ValueError):
            scores = None
        if scores is not None and scores.size == 1:
            return self._scores(float(scores.reshape(())), None, False)
        if scores is None or scores.shape != (len(labels),):
            got = type(found).__name__ if scores is None else f"numbers of shape {scores.shape}"
            raise OptkitError(
                f"metric {self.name} returned {got}; expected one number, or one a sample ({len(labels)},), whose mean "
                "is the metric"
            )
        kept = scores.astype(np.float32)
        return self._scores(float(np.mean(kept, dtype=np.float64)), kept, True)

    def _scores(self, value: float, kept: Array | None, by_sample: bool) -> Scores:
        if not math.isfinite(value) or (kept is not None and not np.isfinite(kept).all()):
            remedy = _UNDEFINED.get(self.name, "mend the function, or use another metric")
            raise OptkitError(f"metric {self.name} is {value}: {remedy}")
        return Scores(
            metric=self.name,
            task=self.task,
            unit=self.unit,
            better=self.better,
            by_sample=by_sample,
            value=value,
            kept=kept,
        )


_UNDEFINED = {
    "auc": "the test labels are all of one kind; test on both",
    "r2": "all labels of an output are equal; use mse or mae",
}


def choose_scorer(
    metric: str | None,
    task: Task,
    *,
    labelled: bool = True,
    better: Better | None = None,
    unit: str | None = None,
    allowed: Sequence[str] = (),
    folder: Path | None = None,
    output: str = "",
) -> Scorer:
    """Return the metric called `metric` for `task`, or the default of the task when it is None.

    `package.module:function` is the user's own, (labels, outputs) -> one number, or one a sample, whose mean is the
    metric; it needs `better` (higher or lower), may say its `unit`, and is imported only when its package is among
    `allowed` (see `files.functions`). `output` is the output that is judged, of several. Raises OptkitError when there
    is no such metric, or it is not of this task.
    """
    name = default_metric(task, labelled=labelled) if metric is None else metric
    if is_function(name):
        if better is None:
            raise OptkitError(f"metric {name} does not say which direction is better; add better = 'higher' or 'lower'")
        function = load_function(name, allowed, folder)
        return Scorer(name=name, task=task, unit=unit or "", better=better, function=function, output=output)
    if name not in TASK_METRICS:
        raise OptkitError(
            f"there is no metric {name!r}; {nearest(name, TASK_METRICS)}; or a function, 'package.module:function'"
        )
    found = TASK_METRICS[name]
    if task not in found.tasks:
        known = [other for other, one in TASK_METRICS.items() if task in one.tasks]
        raise OptkitError(f"metric {name!r} is not of task {task}; {nearest(name, known)}")
    if better not in (None, found.better) or unit not in (None, found.unit):
        raise OptkitError(f"metric {name!r} is in {found.unit}, {found.better} is better; drop better and unit")
    return Scorer(name=name, task=task, unit=found.unit, better=found.better, output=output)


def judged_output(outputs: Any, output: str) -> Any:
    """Return the output that is judged: `output`, or the only one. Raises OptkitError when it is not known."""
    if not isinstance(outputs, Mapping):
        return outputs
    if output and output in outputs:
        return outputs[output]
    if len(outputs) == 1:
        return next(iter(outputs.values()))
    names = ", ".join(map(str, outputs))
    if output:
        raise OptkitError(f"output is {output!r}, and the model has {names}; name one of them")
    raise OptkitError(
        f"the model has {len(outputs)} outputs: {names}; say in the suite file which is judged, such as output = "
        f"{next(iter(outputs))!r}"
    )
