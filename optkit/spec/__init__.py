"""What is asked for, as values: suites, variants, steps, conversions, gates and metrics."""

from __future__ import annotations

from optkit.spec.gate import Gate, require
from optkit.spec.suite import (
    Conversion,
    DataSource,
    LongTraining,
    Network,
    OwnModel,
    OwnSource,
    Precision,
    Step,
    Suite,
    Training,
    TrainingRecipe,
    Variant,
    Workload,
)

__all__ = [
    "Conversion",
    "DataSource",
    "Gate",
    "LongTraining",
    "Network",
    "OwnModel",
    "OwnSource",
    "Precision",
    "Step",
    "Suite",
    "Training",
    "TrainingRecipe",
    "Variant",
    "Workload",
    "require",
]
