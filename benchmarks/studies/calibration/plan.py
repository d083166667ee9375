"""What is compared with what, and in which order: a plan that is balanced wherever it is cut short.

Law: the order is drawn from a seed before anything is measured; which pairs count as +2, +3 or +5 % slower is decided
by a long run beforehand, and by none of the invocations.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SAME, BLOCKS, SAME_A_BLOCK, PAIRS_A_KIND = "identical", 7, 8, 4
"""7 blocks of 8 give each of 14 identical files 4 invocations, and each kind of slower pairs 28."""
KINDS: dict[str, tuple[float, str]] = {
    SAME: (0.0, "2%"),
    "+2 %": (0.02, "1%"),
    "+3 %": (0.03, "2%"),
    "+5 %": (0.05, "2%"),
}
"""What a pair is, the slow-down it stands for, and the margin it is judged with."""
TOLERANCE = 0.005


@dataclass(frozen=True)
class Trial:
    """A pair of files by name in the folder of artifacts, and its kind. The head of identical ones is a byte copy."""

    kind: str
    base: str
    head: str

    @property
    def name(self) -> str:
        """One name for the pair, in records and tables."""
        return f"{self.base} | {self.head}"


@dataclass(frozen=True)
class Slot:
    """One invocation of the campaign: a trial, repeated for the `repeat`th time (from 0)."""

    trial: Trial
    repeat: int

    @property
    def key(self) -> str:
        """What tells this slot from all others."""
        return f"{self.trial.kind} {self.trial.name} #{self.repeat}"


def kind_of(ratio: float) -> str:
    """Return the slow-down that a pair of this true ratio stands for, `TOLERANCE` either way; of no other, ""."""
    near = [kind for kind, (wanted, _) in KINDS.items() if kind != SAME and abs(ratio - 1 - wanted) <= TOLERANCE]
    return near[0] if near else ""


def slower(truths: Sequence[Mapping[str, Any]]) -> list[Trial]:
    """Return the pairs of the long run that stand for a slow-down."""
    return [Trial(kind, one["base"], one["head"]) for one in truths if (kind := kind_of(one["ratio"]))]


def repeated(name: str, repeats: int) -> list[Slot]:
    """Return so many invocations of one file against its copy."""
    return [Slot(Trial(SAME, name, name), repeat) for repeat in range(repeats)]


def slots(same: Sequence[str], slower: Sequence[Trial], seed: int = 0, blocks: int = BLOCKS) -> list[Slot]:
    """Return the campaign's invocations in order.

    In `blocks`, each in random order: every slower pair of those kinds once, so often that each kind has the same
    number of invocations, and `SAME_A_BLOCK` of the files in `same` against their copies, in turn.
    """
    rng = random.Random(seed)
    planned: list[Slot] = []
    turn = 0
    for block in range(blocks):
        trials = []
        for kind in KINDS:
            of_kind = [trial for trial in slower if trial.kind == kind]
            # with fewer pairs than asked for, those there are take the places of the missing ones
            trials += [of_kind[(block * PAIRS_A_KIND + i) % len(of_kind)] for i in range(PAIRS_A_KIND) if of_kind]
        for _ in range(SAME_A_BLOCK if same else 0):
            trials.append(Trial(SAME, same[turn % len(same)], same[turn % len(same)]))
            turn += 1
        rng.shuffle(trials)
        for trial in trials:
            planned.append(Slot(trial, sum(slot.trial == trial for slot in planned)))
    return planned
