"""Which steps may follow which: a chain in which a later step undoes an earlier one is refused before it is built.

Law: what a technique does not say that it keeps, it undoes.
"""

from __future__ import annotations

from collections.abc import Sequence

from optkit.errors import SuiteError
from optkit.spec import Step
from optkit.techniques import TECHNIQUES
from optkit.techniques.base import Property

_LAST: dict[Property, str] = {"fake_quant": "fake quantization", "grid": "grid of its weights"}
"""What only a chain's last step makes, since every other undoes it."""


def check_order(steps: Sequence[Step], where: str) -> None:
    """Raise SuiteError, beginning with `where` and naming the right alternative, when a step undoes an earlier one."""
    made: dict[Property, str] = {}
    for step in steps:
        technique = TECHNIQUES[step.technique]
        lost = made.keys() - technique.keeps(step)
        for final, what in _LAST.items():
            if final not in lost:
                continue
            if technique.makes & _LAST.keys():
                raise SuiteError(
                    f"{where}: {step.technique} after {made[final]} undoes the {what}, and both must stand last; "
                    f"leave one out, and put {made[final]} last"
                )
            raise SuiteError(
                f"{where}: {step.technique} after {made[final]} undoes the {what}; "
                f"put {made[final]} last, with {step.technique} before it"
            )
        if lost:
            raise SuiteError(f"{where}: {technique.remedy(step, made)}")
        made |= dict.fromkeys(technique.makes, step.technique)
