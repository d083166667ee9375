"""What runs a file, as a value: a runtime by name, and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from optkit.errors import SuiteError, check_name

TUNE: Literal["tune"] = "tune"


@dataclass(frozen=True, kw_only=True)
class Running:
    """A runtime and what differs from its default settings; `"tune"` is the fastest for each mode, found by timing.

    Whether there is such a runtime, and what it can be set to, is for `optkit.runtime` to say. Raises SuiteError when
    the name has not the form of names, or settings are neither a table nor "tune".
    """

    runtime: str = "litert"
    settings: Mapping[str, Any] | Literal["tune"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name(self.runtime, "runtime", SuiteError)
        if not isinstance(self.settings, Mapping) and self.settings != TUNE:
            raise SuiteError(f"settings is {self.settings!r}; expected a table, or {TUNE!r}")

    @property
    def tuned(self) -> bool:
        """Whether the settings are still to be found."""
        return self.settings == TUNE

    @property
    def plain(self) -> bool:
        """Whether it is LiteRT with its default settings, as everything was before there was a choice."""
        return self.runtime == "litert" and not self.settings

    @property
    def name(self) -> str:
        """The runtime, and its settings where they are not the defaults."""
        return f"{self.runtime} ({said(self.settings)})" if self.settings else self.runtime


PLAIN = Running()


def said(settings: Mapping[str, Any] | str) -> str:
    """Return settings as a suite file writes them, without braces; `defaults` when there are none."""
    if isinstance(settings, str):
        return settings
    return ", ".join(f"{name} = {_toml(value)}" for name, value in sorted(settings.items())) or "defaults"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)
