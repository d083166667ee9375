"""The words of all verdicts: of a gate, and of a comparison; and the exit code that they come to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

GateVerdict = Literal["pass", "fail", "inconclusive", "not comparable"]
"""Of a bound. Without data it is not comparable, and where the data cannot tell it is inconclusive: never a pass."""

ChangeVerdict = Literal["worse", "better", "same", "inconclusive", "not comparable"]
"""Of a change from one measurement to another."""

Outcome = Literal["pass", "fail", "inconclusive"]

OUTCOMES: dict[int, Outcome] = {0: "pass", 1: "fail", 3: "inconclusive"}
"""What a whole judgement is called, by its exit code. The last is also said of what is not comparable."""


def exit_code(verdicts: Iterable[GateVerdict | ChangeVerdict]) -> int:
    """Return 1 when one failed or is worse, else 3 when one cannot be told or when there is none, else 0."""
    found = set(verdicts)
    if found & {"fail", "worse"}:
        return 1
    return 3 if not found or found & {"inconclusive", "not comparable"} else 0
