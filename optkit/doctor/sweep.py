"""What each layer costs at the model's output: quantized alone, in parts, and restored alone, within a budget of time.

Law: what was not tried is None, never a guess. The order is by the error that each layer adds itself, largest first.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from optkit.doctor.layer_errors import LayerError
from optkit.doctor.matching import Layer
from optkit.doctor.quality import Quality, Test
from optkit.doctor.simulate import PARTS, Part, parts_of, simulated

_IN_PARTS = 3
"""Of how many of the costliest layers the parts are tried one by one, and how many are restored before all others."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a layer costs. `alone`: only it is quantized; `restored`: all but it; `parts`: only a part of it.

    Each is a `Quality`: the metric on the test samples, and the squared error of the outputs over their power.
    """

    number: int
    name: str
    alone: Quality
    restored: Quality | None = None
    parts: dict[Part, float] = field(default_factory=dict)

    @property
    def worst_part(self) -> Part | None:
        """The part that costs most at the output, alone; None when they were not tried."""
        ranked: list[Part] = sorted(self.parts, key=lambda part: -self.parts[part])
        return ranked[0] if ranked else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """The costs of layers, largest first; `everything` is with all layers quantized. `left` counts those not tried."""

    costs: tuple[Cost, ...]
    everything: Quality
    left: int
    seconds: float


def sweep(content: bytes, layers: Sequence[Layer], errors: Sequence[LayerError], test: Test, budget: float) -> Sweep:
    """Try the quantized `layers` of the float file `content` one by one, for at most some `budget` seconds.

    The costliest are tried in parts and restored first; then the others are restored, by their cost.
    """
    began = time.monotonic()
    own = {error.number: error.own for error in errors}
    order = sorted(layers, key=lambda layer: -own.get(layer.number, 0.0))
    whole: dict[Layer, tuple[Part, ...]] = {layer: parts_of(layer) for layer in order}
    everything = test.measure(simulated(content, whole))

    def over(share: float) -> bool:
        return time.monotonic() - began > share * budget

    found: dict[Layer, Cost] = {}
    for layer in order:
        if found and over(0.6):
            break
        alone = test.measure(simulated(content, {layer: PARTS}))
        found[layer] = Cost(number=layer.number, name=layer.name, alone=alone)
    ranked = sorted(found, key=lambda layer: -found[layer].alone.error)
    for place, layer in enumerate(ranked):
        if over(1.0 if place >= _IN_PARTS else 1.5):  # the parts of the first few tell the causes
            break
        found[layer] = _looked_into(content, layer, whole, found[layer], test, in_parts=place < _IN_PARTS)
    return Sweep(
        costs=tuple(found[layer] for layer in ranked),
        everything=everything,
        left=len(layers) - len(found),
        seconds=time.monotonic() - began,
    )


def _looked_into(
    content: bytes, layer: Layer, whole: Mapping[Layer, tuple[Part, ...]], cost: Cost, test: Test, *, in_parts: bool
) -> Cost:
    others = {other: parts for other, parts in whole.items() if other is not layer}
    restored = test.measure(simulated(content, others))
    own = whole[layer]
    parts: dict[Part, float] = {}
    if in_parts and len(own) == 1:
        parts = {own[0]: cost.alone.error}
    elif in_parts:
        parts = {part: test.measure(simulated(content, {layer: (part,)})).error for part in own}
    return Cost(number=cost.number, name=cost.name, alone=cost.alone, restored=restored, parts=parts)
