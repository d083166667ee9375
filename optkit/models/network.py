"""A line in `models.NETWORKS`: the function that builds a network, and the check of its parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from optkit.errors import SuiteError, nearest


@dataclass(frozen=True)
class NetworkEntry:
    """`build(**params)` returns an untrained, uncompiled tf-keras model whose layers all have explicit names."""

    build: Callable[..., Any]
    version: int = 1

    def check(self, params: Mapping[str, Any], where: str) -> None:
        """Raise SuiteError when `params` holds a name that `build` does not take, or a value of another type."""
        known = inspect.signature(self.build).parameters
        for name, value in params.items():
            if name not in known:
                raise SuiteError(f"{where}: unknown parameter {name!r}; {nearest(name, known)}")
            default = known[name].default
            fits = isinstance(value, (int, float)) if isinstance(default, float) else type(value) is type(default)
            if not fits:
                raise SuiteError(f"{where}.{name} is {value!r}; expected a value like its default, {default!r}")
