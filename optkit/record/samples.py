"""Which test samples a variant got right, as its record says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from optkit.errors import RecordError
from optkit.measure.accuracy import Evaluation
from optkit.record.run import Run


def is_accuracy_measured(name: str, *runs: Run) -> bool:
    """Tell whether accuracy was measured in any of `runs`: one of them lacking it contradicts the same data's other."""
    return any(run.variants[name].accuracy is not None for run in runs)


def correct_samples(run: Run, name: str) -> Any:
    """Return which test samples the variant got right, bool (samples,). Raises RecordError when it was not measured."""
    facts = run.variants[name]
    return checked_samples(name, facts.accuracy, facts.correct, facts.dataset.test)


def checked_samples(name: str, accuracy: float | None, packed: str | None, samples: int) -> Any:
    """Return the vector that `packed` holds, bool (samples,), checked against the accuracy of the variant `name`.

    Raises RecordError when one of them is missing, or when they contradict each other.
    """
    if accuracy is None or packed is None:
        raise RecordError(f"variant {name!r} has no accuracy, though it was measured on the same data; run again")
    correct = Evaluation.unpacked(packed, samples).correct
    if not math.isclose(float(np.mean(correct)), accuracy, abs_tol=1e-9):
        raise RecordError(
            f"variant {name!r} has accuracy {accuracy} but {int(correct.sum())} correct of {len(correct)} "
            "samples; the record was changed; run again to save one"
        )
    return correct
