"""The metrics that gates, summaries and comparisons speak of: name, unit and which direction is better.

Law: a metric is known here or nowhere; a gate on any other name is an error. How well a model does its task is measured
by one of `TASK_METRICS`, or by a function of the user's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MODES = ("single_sample", "single_batch", "full_set")
Better = Literal["higher", "lower"]
Task = Literal["multiclass", "binary", "multilabel", "regression", "sequence", "reconstruction"]
TASKS: tuple[Task, ...] = ("multiclass", "binary", "multilabel", "regression", "sequence", "reconstruction")


@dataclass(frozen=True)
class Metric:
    """What a measured number means: its unit and its better direction.

    `timed`: measured per mode and thread count. `layered`: over the weight tensors of all layers or of some.
    `on_target`: measured or estimated on a target of the suite, which a gate on it names.
    """

    unit: str
    better: Better
    timed: bool = False
    layered: bool = False
    on_target: bool = False


METRICS: dict[str, Metric] = {
    "accuracy": Metric("fraction", "higher"),
    "accuracy_drop": Metric("fraction", "lower"),
    # Of the suite's own metric, whatever it is: its value, and how much worse that is than the baseline's.
    "score": Metric("in the metric's unit", "higher"),
    "drop": Metric("in the metric's unit", "lower"),
    "file_bytes": Metric("bytes", "lower"),
    "zip_bytes": Metric("bytes", "lower"),
    "size_ratio": Metric("ratio", "higher"),
    # What an ideal coder of single values needs for the weights alone.
    "entropy_bytes": Metric("bytes", "lower"),
    "seconds": Metric("seconds", "lower", timed=True),
    "speedup": Metric("ratio", "higher", timed=True),
    # Facts read from the weights of the finished file; each is over the weight tensors of the layers meant.
    "sparsity": Metric("fraction", "higher", layered=True),
    "distinct_values": Metric("count", "lower", layered=True),
    "sparse_2_4": Metric("fraction", "higher", layered=True),
    "grid_bits": Metric("bits", "lower", layered=True),
    "integer_weights": Metric("fraction", "higher", layered=True),
    "integer_large_weights": Metric("fraction", "higher", layered=True),
    "leftover_wrappers": Metric("count", "lower"),
    "arena_bytes": Metric("bytes", "lower", on_target=True),
    "flash_bytes": Metric("bytes", "lower", on_target=True),
    "peak_bytes": Metric("bytes", "lower", on_target=True),
    # A compiler's estimates.
    "sram_bytes": Metric("bytes", "lower", on_target=True),
    "cycles": Metric("count", "lower", on_target=True),
    "npu_share": Metric("fraction", "higher", on_target=True),
    "estimated_seconds": Metric("seconds", "lower", on_target=True),
}


@dataclass(frozen=True)
class TaskMetric:
    """How well a model does a task of `tasks`, in a unit and with a better direction.

    `by_sample`: the metric is the mean of one score a sample, so that two models can be compared sample by sample.
    Any other is of the whole test set, such as the area under a curve.
    """

    unit: str
    better: Better
    tasks: tuple[Task, ...]
    by_sample: bool
    meaning: str


_CLASSES: tuple[Task, ...] = ("multiclass", "binary", "multilabel")
_NUMBERS: tuple[Task, ...] = ("regression", "reconstruction")

TASK_METRICS: dict[str, TaskMetric] = {
    "accuracy": TaskMetric(
        "fraction",
        "higher",
        (*_CLASSES, "sequence"),
        True,
        "samples that are right: the largest output; binary and multilabel from 0.5 on, every label of a sample; of a "
        "sequence the share of its steps",
    ),
    "label_accuracy": TaskMetric("fraction", "higher", ("multilabel",), True, "labels that are right, each by itself"),
    "top5": TaskMetric("fraction", "higher", ("multiclass",), True, "samples whose class is among the five largest"),
    "auc": TaskMetric(
        "fraction",
        "higher",
        (*_CLASSES, "reconstruction"),
        False,
        "area under the ROC curve; of several classes or labels the mean, each against the rest; of a reconstruction "
        "that of the mean squared error of a sample, against its label 0 (normal) or 1",
    ),
    "f1": TaskMetric("fraction", "higher", _CLASSES, False, "F1; of several classes or labels the mean (macro)"),
    "mse": TaskMetric("squared units of the labels", "lower", _NUMBERS, True, "mean squared error"),
    "mae": TaskMetric("units of the labels", "lower", _NUMBERS, True, "mean absolute error"),
    "rmse": TaskMetric(
        "units of the labels", "lower", _NUMBERS, False, "root of the mean squared error of each output"
    ),
    "r2": TaskMetric("fraction", "higher", ("regression",), False, "share of the labels' variance that is explained"),
}
DEFAULT_METRICS: dict[Task, str] = {
    "multiclass": "accuracy",
    "binary": "accuracy",
    "multilabel": "accuracy",
    "regression": "mse",
    "sequence": "accuracy",
    "reconstruction": "mse",
}
"""The metric of a task when none is asked for. A reconstruction with labels 0 and 1 is judged by `auc` (see
`default_metric`)."""


def default_metric(task: Task, *, labelled: bool = True) -> str:
    """Return the metric of a task when none is asked for: that of a reconstruction with labels is `auc`."""
    return "auc" if task == "reconstruction" and labelled else DEFAULT_METRICS[task]
