"""What `choose` found, as values: a check for each bound, what became of each variant, what to relax."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from optkit.errors import nearest
from optkit.judge.advise import Wish
from optkit.spec.bounds import Bound

Word = Literal["met", "met by luck", "met, how surely is not known", "missed", "not shown", "not measured"]
_MET: tuple[Word, ...] = get_args(Word)[:3]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One bound on one variant (and thread count): the figure, in the bound's unit, and what came of it.

    `low` and `high` are its one-sided confidence bounds; None where they were not needed or are not known. `needed` is
    the value that the bound would have to have for this to fit; None when no value would do. `excess` is how far
    beyond the bound that is, as a fraction of the bound (of a bound of 0, in its unit).
    """

    bound: Bound
    word: Word
    value: float | None = None
    low: float | None = None
    high: float | None = None
    data: str = ""
    where: str = ""
    needed: float | None = None
    excess: float = math.inf

    @property
    def fits(self) -> bool:
        """Whether the bound does not speak against the variant."""
        return self.word in _MET


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One variant: what each bound says of it, and how it stands to the others.

    `dominated_by` is a variant that is nowhere worse and somewhere better: of one that fits, among those that fit;
    else among all. `why` says what removes it beside the bounds.
    """

    variant: str
    place: Literal["chosen", "fits", "removed"]
    checks: tuple[Check, ...]
    dominated_by: str | None = None
    on_front: bool = False
    why: str = ""

    @property
    def missed(self) -> tuple[Check, ...]:
        """What speaks against it."""
        return tuple(check for check in self.checks if not check.fits)


@dataclass(frozen=True, kw_only=True)
class Relaxation:
    """A way to make `variant` fit: other values for these bounds, by their keys, in the bounds' units."""

    variant: str
    bounds: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which variant to ship, and why no other. `chosen` is None when nothing fits: then `nearest` is what nearly does.

    `objectives` is what variants compete on, `front` those that no other one beats in all of it, of the whole run.
    `relaxations` name single bounds that keep a variant out by themselves.
    """

    suite: str
    wish: Wish
    at: str | None
    bounds: tuple[Bound, ...]
    chosen: str | None
    objectives: tuple[str, ...]
    front: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    nearest: Relaxation | None = None
    relaxations: tuple[Relaxation, ...] = ()

    def candidate(self, name: str) -> Candidate:
        """Return what is said of the variant `name`. Raises KeyError when the run has none."""
        for one in self.candidates:
            if one.variant == name:
                return one
        raise KeyError(f"there is no variant {name!r}; {nearest(name, [one.variant for one in self.candidates])}")
