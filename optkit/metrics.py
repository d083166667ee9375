"""The metrics that gates, summaries and comparisons speak of: name, unit and which direction is better.

Law: a metric is known here or nowhere; a gate on any other name is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MODES = ("single_sample", "single_batch", "full_set")


@dataclass(frozen=True)
class Metric:
    """What a measured number means: its unit, its better direction, and whether it is timed per mode and threads."""

    unit: str
    better: Literal["higher", "lower"]
    timed: bool = False


METRICS: dict[str, Metric] = {
    "accuracy": Metric("fraction", "higher"),
    "accuracy_drop": Metric("fraction", "lower"),
    "file_bytes": Metric("bytes", "lower"),
    "zip_bytes": Metric("bytes", "lower"),
    "size_ratio": Metric("ratio", "higher"),
    "seconds": Metric("seconds", "lower", timed=True),
    "speedup": Metric("ratio", "higher", timed=True),
    # Facts read from the weights of the finished file; each is over the weight tensors of the layers meant.
    "sparsity": Metric("fraction", "higher"),
    "distinct_values": Metric("count", "lower"),
    "integer_weights": Metric("fraction", "higher"),
    "integer_large_weights": Metric("fraction", "higher"),
    "leftover_wrappers": Metric("count", "lower"),
}
