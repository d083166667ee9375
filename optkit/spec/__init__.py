"""What is asked for, as values: suites, variants, steps, conversions, gates and metrics."""

from __future__ import annotations

from optkit.spec.conversion import Conversion, Precision
from optkit.spec.gate import Gate, require
from optkit.spec.running import Running
from optkit.spec.suite import DataSource, Network, OwnModel, OwnSource, Step, Suite, Variant, Workload
from optkit.spec.training import LongTraining, Training, TrainingRecipe

__all__ = [
    "Conversion",
    "DataSource",
    "Gate",
    "LongTraining",
    "Network",
    "OwnModel",
    "OwnSource",
    "Precision",
    "Running",
    "Step",
    "Suite",
    "Training",
    "TrainingRecipe",
    "Variant",
    "Workload",
    "require",
]
