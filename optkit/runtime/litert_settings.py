"""What LiteRT can be set to, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from optkit.errors import SuiteError, nearest

Kernels = Literal["xnnpack", "builtin", "reference"]
"""Who computes: XNNPACK what it can (LiteRT's default), LiteRT's own fast kernels, or its plain ones (for tests)."""


@dataclass(frozen=True, kw_only=True)
class LiteRTSettings:
    """How LiteRT runs a file; the defaults are LiteRT's own. Raises SuiteError when a value is unknown."""

    kernels: Kernels = "xnnpack"

    def __post_init__(self) -> None:
        if self.kernels not in get_args(Kernels):
            raise SuiteError(f"kernels is {self.kernels!r}; {nearest(str(self.kernels), get_args(Kernels))}")
