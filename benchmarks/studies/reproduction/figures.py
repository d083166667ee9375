"""The kinds of figures that documents give, and how each is read from a saved run.

Law: a figure of ours is computed from a run's records or is absent; nothing is filled in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from optkit.measure.accuracy import Evaluation
from optkit.measure.latency import BATCH
from optkit.record.facts import VariantFacts
from optkit.record.run import Run
from optkit.record.timing import Timing

_PLAIN_LOOP = f"loop of {BATCH}"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a figure is read: a variant of a run, its timing in the row's mode, and the same of what it is against."""

    run: Run
    facts: VariantFacts
    timing: Timing | None = None
    against: VariantFacts | None = None
    against_timing: Timing | None = None


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A kind of figure: how it is called and written, which direction is better, and how it is read.

    `read` returns None where the run lacks the value; without `read` nothing here measures it. `absolute`: a time
    that means nothing on another machine. `relative`: it needs a row to be against.
    """

    label: str
    form: str
    better: Literal["higher", "lower"]
    read: Callable[[Place], float | None] | None = None
    timed: bool = False
    absolute: bool = False
    relative: bool = False

    def text(self, value: float) -> str:
        """Return `value` as the tables write it."""
        return self.form.format(value)


def _accuracy(facts: VariantFacts | None) -> float | None:
    return None if facts is None else facts.accuracy


def _batch_accuracy(place: Place) -> float | None:
    if _accuracy(place.facts) is None or not place.facts.correct:
        return None
    correct = Evaluation.unpacked(place.facts.correct, place.facts.dataset.test).correct
    return float(correct[:BATCH].mean())


def _loss(place: Place) -> float | None:
    ours, other = _accuracy(place.facts), _accuracy(place.against)
    return None if ours is None or other is None else other - ours


def _gain(place: Place) -> float | None:
    loss = _loss(place)
    return None if loss is None else -loss


def _seconds(place: Place) -> float | None:
    return place.timing.seconds if place.timing else None


def _milliseconds(place: Place) -> float | None:
    return place.timing.seconds * 1e3 if place.timing else None


def _speedup(place: Place) -> float | None:
    if not place.timing or not place.against_timing:
        return None
    return place.against_timing.seconds / place.timing.seconds


def _loop_seconds(place: Place) -> float | None:
    return place.timing.trial.get(_PLAIN_LOOP) if place.timing else None


def _loop_speedup(place: Place) -> float | None:
    loop = _loop_seconds(place)
    return place.against_timing.seconds / loop if place.against_timing and loop else None


def _weights(facts: VariantFacts | None) -> int | None:
    return sum(tensor.elements for tensor in facts.weights.tensors) or None if facts else None


def _fewer_weights(place: Place) -> float | None:
    ours, other = _weights(place.facts), _weights(place.against)
    return other / ours if ours and other else None


FIGURES: dict[str, Figure] = {
    "accuracy": Figure(label="accuracy", form="{:.5g}", better="higher", read=lambda p: _accuracy(p.facts)),
    "batch_accuracy": Figure(label=f"accuracy, first {BATCH}", form="{:.5g}", better="higher", read=_batch_accuracy),
    "accuracy_loss": Figure(label="accuracy lost", form="{:+.4f}", better="lower", read=_loss, relative=True),
    "accuracy_gain": Figure(label="accuracy gained", form="{:+.4f}", better="higher", read=_gain, relative=True),
    "seconds": Figure(label="s", form="{:.4g}", better="lower", read=_seconds, timed=True, absolute=True),
    "milliseconds": Figure(label="ms", form="{:.4g}", better="lower", read=_milliseconds, timed=True, absolute=True),
    "loop_seconds": Figure(
        label="s, plain loop", form="{:.4g}", better="lower", read=_loop_seconds, timed=True, absolute=True
    ),
    "speedup": Figure(label="speed-up", form="{:,.2f}", better="higher", read=_speedup, timed=True, relative=True),
    "loop_speedup": Figure(
        label="speed-up, plain loop", form="{:,.2f}", better="higher", read=_loop_speedup, timed=True, relative=True
    ),
    "zip_bytes": Figure(label="zip bytes", form="{:,.0f}", better="lower", read=lambda p: p.facts.artifact.zip_bytes),
    "size_ratio": Figure(
        label="size ratio", form="{:.3f}", better="higher", read=lambda p: p.facts.artifact.size_ratio
    ),
    "size_reduction": Figure(
        label="size reduction", form="{:.3f}", better="higher", read=lambda p: 1 - 1 / p.facts.artifact.size_ratio
    ),
    "megabytes": Figure(
        label="file MB", form="{:.3g}", better="lower", read=lambda p: p.facts.artifact.file_bytes / 1e6
    ),
    "kilobytes": Figure(
        label="file KB", form="{:,.1f}", better="lower", read=lambda p: p.facts.artifact.file_bytes / 1e3
    ),
    "parameters": Figure(label="parameters", form="{:,.0f}", better="lower", read=lambda p: _weights(p.facts)),
    "fewer_parameters": Figure(
        label="times fewer parameters", form="{:.2f}", better="higher", read=_fewer_weights, relative=True
    ),
    # Of tasks that no suite here has.
    "word_error_rate": Figure(label="word error rate", form="{:.4f}", better="lower"),
    "character_error_rate": Figure(label="character error rate", form="{:.4f}", better="lower"),
    "mean_average_precision": Figure(label="mAP at IoU 0.5", form="{:.3f}", better="higher"),
    "f1": Figure(label="F1", form="{:.4f}", better="higher"),
    "exact_match": Figure(label="exact match", form="{:.4f}", better="higher"),
}
