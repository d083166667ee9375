"""Magnitude pruning: the smallest weights become zero while the model is fine-tuned.

Zhu and Gupta, "To prune, or not to prune", 2017 (arXiv:1710.01878); for 2 of 4, Mishra et al., "Accelerating sparse
deep neural networks", 2021 (arXiv:2104.08378). Both by tfmot's `prune_low_magnitude`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from optkit.data.dataset import count
from optkit.errors import BuildError
from optkit.keras.finding import Finding
from optkit.keras.layers import choose_layers, kernel_layers, matches, preserving, wrap_layers
from optkit.keras.tensorflow import load_tfmot
from optkit.spec import Gate, Step, TrainingRecipe, require
from optkit.techniques.base import Made, Property, clone
from optkit.training.context import TrainingContext
from optkit.training.fit import fit, steps_per_epoch
from optkit.training.teaching import Teaching

_UPDATES = 20  # how often at least the mask is chosen again over the whole fine-tuning


@dataclass(frozen=True, kw_only=True)
class Prune(TrainingRecipe, Step):
    """Fine-tune while the smallest weights of each chosen layer are made zero.

    `schedule`: `polynomial` raises the share of zeros from `initial_sparsity` to `final_sparsity`, `constant` has
    `final_sparsity` from the first step on. `pattern = "2:4"` instead keeps the two largest of every four weights
    along the input channels, whatever the sparsities say. Layers are chosen by name with `include` and `exclude`
    (patterns as in `fnmatch`); `sparsity_by_layer`, pattern to final sparsity, takes the place of `include` and
    `final_sparsity`: a layer gets what the first pattern that fits it says. What is zero in other layers stays so.
    """

    technique: ClassVar[str] = "prune"
    version: ClassVar[int] = 2

    schedule: Literal["polynomial", "constant"] = "polynomial"
    pattern: Literal["any", "2:4"] = "any"
    final_sparsity: float = field(default=0.8, kw_only=False)
    initial_sparsity: float = 0.5
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    sparsity_by_layer: dict[str, float] = field(default_factory=dict)
    epochs: int = 2
    teaching: Teaching | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        by_layer = {f"sparsity_by_layer[{name!r}]": value for name, value in self.sparsity_by_layer.items()}
        for name, value in {"initial_sparsity": self.initial_sparsity, **self._finals, **by_layer}.items():
            require(0 <= value < 1, f"{name} is {value}; expected a fraction from 0 up to, not with, 1")
        require(bool(self.include), 'include is empty; expected patterns of layer names, such as ["*"]')
        require(
            not self.sparsity_by_layer or self.include == ("*",),
            "sparsity_by_layer chooses the layers; drop include, or move its patterns into the table",
        )
        require(
            self.pattern == "any" or not self.sparsity_by_layer,
            'pattern "2:4" fixes the sparsity; drop sparsity_by_layer and choose layers with include and exclude',
        )
        if self.schedule == "polynomial" and self.pattern == "any":
            for name, value in (by_layer or self._finals).items():
                require(
                    self.initial_sparsity <= value, f"initial_sparsity {self.initial_sparsity} is above {name} {value}"
                )

    @property
    def _finals(self) -> dict[str, float]:
        return {"final_sparsity": self.final_sparsity}

    def needs(self) -> tuple[str, ...]:
        """Return the teacher's variant, if there is one."""
        return (self.teaching.teacher,) if self.teaching else ()

    def promises(self) -> tuple[Gate, ...]:
        """Every pruned layer keeps its zeros; 0.01 of sparsity allows for rounding in a layer of 100 weights."""
        wrappers = Gate(metric="leftover_wrappers", max=0, origin=self.technique)
        if self.pattern == "2:4":
            return (self._gate("sparse_2_4", 1.0, self.include, self.exclude), wrappers)
        if not self.sparsity_by_layer:
            return (self._gate("sparsity", self.final_sparsity - 0.01, self.include, self.exclude), wrappers)
        patterns = list(self.sparsity_by_layer)
        by_layer = (
            self._gate("sparsity", value - 0.01, (pattern,), (*self.exclude, *patterns[:i]))
            for i, (pattern, value) in enumerate(self.sparsity_by_layer.items())
        )
        return (*by_layer, wrappers)

    def _gate(self, metric: str, least: float, layers: tuple[str, ...], except_layers: tuple[str, ...]) -> Gate:
        named = () if layers == ("*",) else layers
        return Gate(
            metric=metric, min=round(least, 6), layers=named, except_layers=except_layers, origin=self.technique
        )


def apply(model: Any, step: Prune, context: TrainingContext) -> Any:
    """Return a pruned, fine-tuned copy of `model` with the pruning wrappers stripped.

    Raises BuildError, before it trains, when a pattern fits no layer or a chosen layer cannot be pruned.
    """
    sparsity = load_tfmot().sparsity.keras
    steps = step.epochs * steps_per_epoch(count(context.x), step)
    copy = clone(model)
    finals = final_sparsities(copy, step)
    others = [layer for layer in kernel_layers(copy) if layer.name not in finals]
    wrapped = wrap_layers(copy, {name: _wrapper(step, final, steps) for name, final in finals.items()})
    callbacks = [sparsity.UpdatePruningStep(), *preserving(others, "sparsity")]
    if context.log_dir:
        callbacks.append(sparsity.PruningSummaries(log_dir=str(context.log_dir)))
    fit(wrapped, step, context, callbacks=callbacks, teaching=step.teaching)
    stripped = sparsity.strip_pruning(wrapped)
    for layer in kernel_layers(stripped):
        # A mask times a negative weight is -0.0, whose sign bit costs a pruned float file about a bit per zero.
        layer.kernel.assign(layer.kernel.numpy() + 0.0)
    zeros = (f"{layer.name} {float((layer.kernel.numpy() == 0).mean()):.3f}" for layer in kernel_layers(stripped))
    context.note(f"share of zeros: {', '.join(zeros)}")
    return stripped


def final_sparsities(model: Any, step: Prune) -> dict[str, float]:
    """Return the final sparsity of each layer of `model` that `step` prunes, by layer name.

    Raises BuildError when a pattern fits no layer, or none that an earlier pattern left.
    """
    if not step.sparsity_by_layer:
        chosen = choose_layers(model, step.include, step.exclude, step.technique)
        return {layer.name: step.final_sparsity for layer in chosen}
    found: dict[str, float] = {}
    chosen = choose_layers(model, tuple(step.sparsity_by_layer), step.exclude, step.technique)
    for pattern, value in step.sparsity_by_layer.items():
        fresh = [layer.name for layer in chosen if layer.name not in found and matches(layer.name, (pattern,))]
        if not fresh:
            raise BuildError(f"prune: sparsity_by_layer[{pattern!r}] fits no layer that is left; drop it or move it up")
        found.update(dict.fromkeys(fresh, value))
    return found


def check(model: Any, step: Prune) -> tuple[Finding, ...]:
    """Return nothing. Raises BuildError as `final_sparsities` does, or when a chosen layer cannot be pruned."""
    final_sparsities(model, step)
    return ()


def _wrapper(step: Prune, final: float, steps: int) -> Callable[[Any], Any]:
    sparsity = load_tfmot().sparsity.keras
    if step.pattern == "2:4":
        schedule = sparsity.ConstantSparsity(0.5, 0)
        return lambda layer: sparsity.prune_low_magnitude(layer, pruning_schedule=schedule, sparsity_m_by_n=(2, 4))
    # tfmot chooses the mask again every `frequency` steps only: the last of them must be the schedule's last.
    frequency = max(1, min(100, steps // _UPDATES))
    if step.schedule == "constant":
        schedule = sparsity.ConstantSparsity(final, 0, frequency=frequency)
    else:
        end = steps // frequency * frequency
        schedule = sparsity.PolynomialDecay(step.initial_sparsity, final, 0, end, frequency=frequency)
    return lambda layer: sparsity.prune_low_magnitude(layer, pruning_schedule=schedule)


def keeps(step: Prune) -> frozenset[Property]:
    """Return what earlier steps made that stays: zeros."""
    return frozenset({"zeros"})


def remedy(step: Prune, made: Made) -> str:
    """Say in which order clusters stay."""
    earlier = made["clusters"]
    instead = f"prune first, then {earlier} with preserve_sparsity = true"
    return f"{step.technique} after {earlier} breaks the clusters; {instead}"
