"""What a technique is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from optkit.keras.finding import Finding
from optkit.keras.tensorflow import load_keras
from optkit.spec import Step
from optkit.training.context import TrainingContext

StepT = TypeVar("StepT", bound=Step)
Property: TypeAlias = Literal["zeros", "clusters", "fake_quant", "grid"]
"""What a step can make of a model, and a later step can undo."""
Made: TypeAlias = Mapping[Property, str]
"""What the steps so far made, each with the technique that made it."""


@dataclass(frozen=True)
class Technique(Generic[StepT]):
    """A line in `TECHNIQUES`: its parameters, and the function that returns a changed copy of a model.

    `makes`: what the finished model has from this technique. `keeps(step)`: what it leaves as earlier steps made it; a
    technique that does not say so is taken to undo all of it. `remedy(step, made)`: one line that says why the step
    undoes what was made, and what to do instead. `keeping(made)`: the parameters with which a step keeps it,
    where it has such.

    Before anything trains it is asked with a network that is not trained yet: `check(model, step)` returns what the
    step meets there, or raises BuildError when it cannot handle the model. `leaves(model, step)` is the model that a
    later step meets: that one itself, unless the step changes layers without training. How a step trains, and which
    other variants it needs, the step says itself (`Step.recipe`, `Step.needs`).
    """

    step: type[StepT]
    apply: Callable[[Any, StepT, TrainingContext], Any]
    makes: frozenset[Property] = frozenset()
    keeps: Callable[[StepT], frozenset[Property]] = lambda step: frozenset()
    remedy: Callable[[StepT, Made], str] = lambda step, made: put_before(step, made)
    keeping: Callable[[frozenset[Property]], Mapping[str, Any]] = lambda made: {}
    check: Callable[[Any, StepT], Iterable[Finding]] = lambda model, step: ()
    leaves: Callable[[Any, StepT], Any] = lambda model, step: model
    bits: Callable[[Any, StepT], Mapping[str, int]] = lambda model, step: {}


def put_before(step: Step, made: Made) -> str:
    """Return the remedy for a step that keeps nothing."""
    earlier = " and ".join(dict.fromkeys(made.values()))
    return f"{step.technique} after {earlier} undoes it; put {step.technique} before {earlier}"


def put_first(step: Step, made: Made) -> str:
    """Return the remedy for a step after which all weights are trained anew."""
    earlier = made.get("clusters") or made["zeros"]
    return f"{step.technique} after {earlier} trains all weights and undoes it; put it first, then {earlier}"


_KEPT: dict[str, frozenset[Property]] = {
    "nothing": frozenset(),
    "sparsity": frozenset({"zeros"}),
    "clusters": frozenset({"clusters"}),
    "clusters_and_sparsity": frozenset({"zeros", "clusters"}),
}


def kept_by_preserve(step: Any) -> frozenset[Property]:
    """Return what a step with a field `preserve` keeps."""
    return _KEPT[step.preserve]


def keeping_by_preserve(made: frozenset[Property]) -> dict[str, Any]:
    """Return the `preserve` that keeps what was made; nothing when there is nothing to keep."""
    kept = made & {"zeros", "clusters"}
    return {"preserve": next(name for name, all_of_it in _KEPT.items() if all_of_it == kept)} if kept else {}


def set_preserve(step: Any, made: Made) -> str:
    """Return the remedy for a step with a field `preserve`: the value that keeps all that was made."""
    needed = keeping_by_preserve(frozenset(made))["preserve"]
    earlier = " and ".join(made[name] for name in ("zeros", "clusters") if name in made)
    return f'{step.technique} with preserve = "{step.preserve}" after {earlier} undoes it; set preserve = "{needed}"'


def clone(model: Any) -> Any:
    """Return a copy of `model` with the same weights, so that a technique leaves its input untouched."""
    copy = load_keras().models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy
