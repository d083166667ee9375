"""How far the rounds of a benchmark lie apart, for formats that have a place for it."""

from __future__ import annotations

import numpy as np

from optkit.record.run import Run
from optkit.record.timing import Timing


def quartiles(run: Run, timing: Timing) -> tuple[float, float]:
    """Return the quartiles of the rounds of all sessions; the time itself where no rounds were saved."""
    rounds = [second for one in run.timings if one.benchmark == timing.benchmark for second in one.rounds]
    if not rounds:
        return timing.seconds, timing.seconds
    low, high = np.quantile(rounds, (0.25, 0.75))
    return float(low), float(high)
