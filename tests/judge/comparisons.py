"""What tests of comparisons share."""

from optkit.judge.compare import Comparison
from optkit.judge.deltas import Delta


def only(found: Comparison, metric: str) -> Delta:
    (delta,) = (d for d in found.deltas if d.metric == metric)
    return delta


SESSIONS = (1.0, 1.002, 0.998, 1.001, 0.999, 1.0)
