"""Low-bit training: weights of 2 to 8 bits with learned steps, found again as integers in the converted file.

Esser et al., "Learned step size quantization", 2020 (arXiv:1902.08153); with `entropy_penalty` after Oktay et al.,
"Scalable model compression by entropy penalized reparameterization", 2020 (arXiv:1906.06624).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from optkit.errors import BuildError
from optkit.keras.layers import choose_layers, kernel_layers, matches, preserving
from optkit.keras.low_bit import KERNELS, low_bit_layers, unwrap_low_bit, wrap_low_bit
from optkit.spec import Gate, LongTraining, Step, require
from optkit.techniques.base import Made, Property, clone
from optkit.tflite.grid import find_grid, largest_of
from optkit.training.context import TrainingContext
from optkit.training.fit import fit
from optkit.training.teaching import Teaching

_BITS = range(2, 9)


@dataclass(frozen=True, kw_only=True)
class LowBit(LongTraining, Step):
    """Fine-tune with the weights of each chosen layer in `bits` bits: whole numbers times a step, learned by channel.

    The numbers are symmetric and their range narrow: -7 to 7 in 4 bits, -1, 0 and 1 in 2. Conversion finds them again:
    the integers in the file are the trained ones. `bits_by_layer`, pattern to bits, takes the place of `bits` where a
    pattern fits; the first that fits holds. Layers are chosen by name with `include` and `exclude` (patterns as in
    `fnmatch`). `preserve` keeps what is zero. `entropy_penalty` adds so much to the loss for each bit that a weight
    takes on average, by an ideal coder of single values: the file then zips small. A network of
    20,000 weights took 0.1 to 1.4 well, one of 4,000 weights 0.001 to 0.004.
    """

    technique: ClassVar[str] = "low_bit"

    bits: int = field(default=4, kw_only=False)
    bits_by_layer: dict[str, int] = field(default_factory=dict)
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    preserve: Literal["nothing", "sparsity"] = "nothing"
    entropy_penalty: float = 0.0
    epochs: int = 4
    teaching: Teaching | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        by_layer = {f"bits_by_layer[{name!r}]": bits for name, bits in self.bits_by_layer.items()}
        for name, bits in {"bits": self.bits, **by_layer}.items():
            require(bits in _BITS, f"{name} is {bits}; expected 2 to 8")
        require(bool(self.include), 'include is empty; expected patterns of layer names, such as ["*"]')
        require(
            0 <= self.entropy_penalty < float("inf"),
            f"entropy_penalty is {self.entropy_penalty}; expected 0 or more, such as 0.05",
        )

    def needs(self) -> tuple[str, ...]:
        """Return the teacher's variant, if there is one."""
        return (self.teaching.teacher,) if self.teaching else ()

    def promises(self) -> tuple[Gate, ...]:
        """Every chosen layer's weights are on a grid of its bits, in each channel. Conversion checks the integers."""
        named = () if self.include == ("*",) else self.include
        patterns = list(self.bits_by_layer)
        by_layer = (
            self._gate(bits, (pattern,), (*self.exclude, *patterns[:i]))
            for i, (pattern, bits) in enumerate(self.bits_by_layer.items())
        )
        wrappers = Gate(metric="leftover_wrappers", max=0, origin=self.technique)
        most = max(self.bits, *self.bits_by_layer.values()) if patterns else self.bits
        return (*by_layer, self._gate(most, named, self.exclude), wrappers)

    def _gate(self, bits: int, layers: tuple[str, ...], except_layers: tuple[str, ...]) -> Gate:
        return Gate(metric="grid_bits", max=bits, layers=layers, except_layers=except_layers, origin=self.technique)


def apply(model: Any, step: LowBit, context: TrainingContext) -> Any:
    """Return a fine-tuned copy of `model` whose chosen kernels lie on grids; its layers are the model's own.

    Raises BuildError, before it trains, when a pattern fits no layer or a chosen layer cannot be trained in few bits,
    and after it when weights are no numbers any more.
    """
    copy = clone(model)
    bits = bits_of(copy, step)
    others = [layer for layer in kernel_layers(copy) if layer.name not in bits]
    zeros = step.preserve == "sparsity"
    largest = {name: largest_of(most) for name, most in bits.items()}
    wrapped = wrap_low_bit(copy, largest, keeps_zeros=zeros, entropy_penalty=step.entropy_penalty)
    fit(wrapped, step, context, callbacks=preserving(others, step.preserve), teaching=step.teaching)
    found = unwrap_low_bit(wrapped)
    context.note(f"bits: {', '.join(_used(found, name, most) for name, most in bits.items())}")
    return found


def _used(model: Any, name: str, most: int) -> str:
    """Say how many bits a trained layer takes. Raises BuildError when its weights lie on no grid of `most` bits."""
    layer = next(layer for layer in low_bit_layers(model) if layer.name == name)
    used = 0
    for kernel, axes in KERNELS[type(layer).__name__].items():
        values = getattr(layer, kernel).numpy()
        by_channel = values.reshape(*values.shape[:-2], -1) if len(axes) == 2 else values
        grid = find_grid(by_channel, axes[-1])
        if grid is None or grid.bits > most:
            raise BuildError(
                f"low_bit: the weights of layer {name!r} left their grid of {most} bits"
                f"{'' if np.isfinite(values).all() else ': they are no numbers any more'}; lower learning_rate"
            )
        used = max(used, grid.bits)
    return f"{name} {used}"


def bits_of(model: Any, step: LowBit) -> dict[str, int]:
    """Return how many bits each layer of `model` that `step` changes gets, by layer name.

    Raises BuildError when a pattern fits no layer, or a chosen layer cannot be trained in few bits.
    """
    able = low_bit_layers(model)
    chosen = choose_layers(model, step.include, step.exclude, step.technique, able, KERNELS)
    for pattern in step.bits_by_layer:
        if not any(matches(layer.name, (pattern,)) for layer in chosen):
            names = ", ".join(layer.name for layer in chosen)
            raise BuildError(f"low_bit: bits_by_layer[{pattern!r}] fits none of the layers {names}; drop it")
    return {
        layer.name: next(
            (bits for pattern, bits in step.bits_by_layer.items() if matches(layer.name, (pattern,))), step.bits
        )
        for layer in chosen
    }


def check(model: Any, step: LowBit) -> tuple[()]:
    """Return nothing. Raises BuildError as `bits_of` does."""
    bits_of(model, step)
    return ()


def keeps(step: LowBit) -> frozenset[Property]:
    """Return what earlier steps made that stays: zeros, when they are preserved."""
    return frozenset({"zeros"}) if step.preserve == "sparsity" else frozenset()


def keeping(made: frozenset[Property]) -> dict[str, Any]:
    """Return what keeps the zeros, where there are any."""
    return {"preserve": "sparsity"} if "zeros" in made else {}


def remedy(step: LowBit, made: Made) -> str:
    """Say how zeros stay; clusters do not."""
    if "clusters" in made:
        why = "gives each channel a step of its own, which no cluster survives"
        return f"low_bit after {made['clusters']} {why}; drop one of them"
    return f'low_bit with preserve = "nothing" after {made["zeros"]} undoes it; set preserve = "sparsity"'
