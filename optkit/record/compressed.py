"""One variant as Python users see it: the file, and what was measured of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from optkit.record.facts import VariantFacts


@dataclass(frozen=True, kw_only=True)
class Compressed:
    """One variant: the file, and what was measured of it. `seconds`: of a call of one sample, where it was timed.

    `drop` is how much worse it is than the baseline, in the metric's unit; None when the data have no labels.
    """

    name: str
    path: Path
    facts: VariantFacts = field(repr=False)
    seconds: float | None = None

    @property
    def drop(self) -> float | None:
        """The drop from the baseline, positive when it is worse."""
        return self.facts.drop

    @property
    def score(self) -> float | None:
        """The metric of the file itself over the test set, such as its accuracy."""
        return self.facts.score

    @property
    def file_bytes(self) -> int:
        """The size of the file."""
        return self.facts.artifact.file_bytes

    @property
    def zip_bytes(self) -> int:
        """The size of a ZIP (deflate) that holds the file."""
        return self.facts.artifact.zip_bytes

    @property
    def size_ratio(self) -> float:
        """The baseline's zip bytes divided by this file's."""
        return self.facts.artifact.size_ratio
