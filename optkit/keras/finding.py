"""What a part of a recipe meets in a model that it cannot handle, or that is worth knowing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a part of a recipe (`subject`: a technique, or "conversion") meets in a layer ("" if none can be named).

    An `error` would stop the recipe, or make its result wrong; a `warning` is something to know.
    """

    level: Literal["error", "warning"]
    subject: str
    layer: str
    message: str

    def __str__(self) -> str:
        """Return the finding as one line."""
        where = f"layer {self.layer!r}: " if self.layer else ""
        return f"{self.subject}: {where}{self.message}"


def stops(subject: str, layer: str, message: str) -> Finding:
    """Return an error. Where the message begins with the subject, as those of techniques do, it is said once."""
    said = message.removeprefix(f"{subject}: ").removeprefix(f"{subject} ")
    return Finding(level="error", subject=subject, layer=layer, message=said)
