"""Measure artifacts: accuracy as deployed, and jobs to be timed."""

from __future__ import annotations

from optkit.measure.accuracy import Evaluation, evaluate
from optkit.measure.latency import BATCH, Job, Strategy, Trial, choose_strategy, planned_strategy, set_up

__all__ = [
    "BATCH",
    "Evaluation",
    "Job",
    "Strategy",
    "Trial",
    "choose_strategy",
    "evaluate",
    "planned_strategy",
    "set_up",
]
