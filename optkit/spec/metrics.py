"""The metrics that gates, summaries and comparisons speak of: name, unit and which direction is better.

Law: a metric is known here or nowhere; a gate on any other name is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MODES = ("single_sample", "single_batch", "full_set")


@dataclass(frozen=True)
class Metric:
    """What a measured number means: its unit and its better direction.

    `timed`: measured per mode and thread count. `layered`: over the weight tensors of all layers or of some.
    """

    unit: str
    better: Literal["higher", "lower"]
    timed: bool = False
    layered: bool = False


METRICS: dict[str, Metric] = {
    "accuracy": Metric("fraction", "higher"),
    "accuracy_drop": Metric("fraction", "lower"),
    # Of the suite's own metric, whatever it is: its value, and how much worse that is than the baseline's.
    "score": Metric("of the suite's metric", "higher"),
    "drop": Metric("of the suite's metric", "lower"),
    "file_bytes": Metric("bytes", "lower"),
    "zip_bytes": Metric("bytes", "lower"),
    "size_ratio": Metric("ratio", "higher"),
    "seconds": Metric("seconds", "lower", timed=True),
    "speedup": Metric("ratio", "higher", timed=True),
    # Facts read from the weights of the finished file; each is over the weight tensors of the layers meant.
    "sparsity": Metric("fraction", "higher", layered=True),
    "distinct_values": Metric("count", "lower", layered=True),
    "sparse_2_4": Metric("fraction", "higher", layered=True),
    "integer_weights": Metric("fraction", "higher", layered=True),
    "integer_large_weights": Metric("fraction", "higher", layered=True),
    "leftover_wrappers": Metric("count", "lower"),
}
