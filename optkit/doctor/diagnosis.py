"""What `optkit doctor` found, as a value that can be printed and saved as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from optkit.doctor.explanation import Explanation
from optkit.doctor.layer_errors import LayerError
from optkit.doctor.remedies import Remedy
from optkit.doctor.sweep import Cost

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The metric of a file on the test samples, and its outputs' squared error over the power of the float ones."""

    value: float
    error: float


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Where a quantized file loses accuracy, why, and what mends it.

    `metric` is measured on `test_samples` samples, the errors of layers on `calibration_samples` training samples, and
    their costs on `sweep_samples` test samples. `loss` is how much worse the quantized file is, in the metric's unit.
    `recipe` are the keys of its conversion that are not the default; where `recipe_known` is false they were read from
    the file. `layers` are in the order of the graph; `costs` those that were tried alone, the costliest first.
    `simulated` is the float file with every layer as the quantized file has it. `suite_lines` is TOML that makes the
    best remedy permanent; empty when there is none.
    """

    schema: int
    float_file: str
    quantized_file: str
    metric: str
    better: str
    test_samples: int
    calibration_samples: int
    sweep_samples: int
    plain: Measured
    quantized: Measured
    simulated: Measured
    loss: float
    recipe: dict[str, Any]
    recipe_known: bool
    layers: tuple[LayerError, ...]
    costs: tuple[Cost, ...]
    layers_left: int
    explanations: tuple[Explanation, ...]
    remedies: tuple[Remedy, ...]
    remedies_left: int
    best: str | None
    suite_lines: str
    notes: tuple[str, ...]
    seconds: float

    @property
    def guilty(self) -> str:
        """The layer to look at first; empty when the cause is of the whole file."""
        if self.explanations:
            return self.explanations[0].layer
        return self.costs[0].name if self.costs else ""

    @property
    def cause(self) -> str:
        """The likeliest cause; empty when there is none."""
        return self.explanations[0].cause if self.explanations else ""

    @property
    def recovered(self) -> float | None:
        """The share of the loss that the best remedy gives back; None when none was tried or helped."""
        return next((one.recovered for one in self.remedies if one.name == self.best), None)
