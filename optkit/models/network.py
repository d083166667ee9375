"""A line in `models.NETWORKS`: the function that builds a network, and its hand-raised version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NetworkEntry:
    """`build(**params)` returns an untrained, uncompiled tf-keras model whose layers all have explicit names."""

    build: Callable[..., Any]
    version: int = 1
