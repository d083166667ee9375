"""A .tflite file as values: tensors, operators, subgraphs and signatures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Shape = tuple[int, ...]
"""Sizes of a tensor; -1 is a size that is free."""


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """How integers stand for real values: one scale (`axis` is None), or one for each place along `axis`.

    `scales` counts them; `scale` and `zero_point` are the smallest and the largest. `digest` tells all values apart.
    """

    axis: int | None
    scales: int
    scale: tuple[float, float]
    zero_point: tuple[int, int]
    digest: str


@dataclass(frozen=True, kw_only=True)
class TensorInfo:
    """One tensor. `bytes` are those of its values in the file, 0 when it is computed; `role` is what they are.

    The role of a constant is `weights`, `bias` or `constant` (shapes, axes, tables that are no weights).
    """

    index: int
    name: str
    shape: Shape
    dtype: str
    bytes: int
    buffer: int
    constant: bool
    sparse: bool
    role: str
    quantization: Quantization | None

    @property
    def elements(self) -> int:
        """How many elements it has; a free size counts as one."""
        return int(np.prod([abs(size) for size in self.shape], dtype=np.int64))


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One operator. `layer` is what the names in the file call it; empty when they were stripped.

    `known` is False when the installed schema has no such operator; `custom` operators are their author's. `dtype` is
    the type of what it computes. `macs` are its multiply-adds; None where nobody can count them. `weights` is the type
    of its weights as they are stored; empty without.
    """

    index: int
    kind: str
    layer: str
    known: bool
    custom: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any]
    dtype: str
    weights: str
    macs: int | None
    parameters: int
    bytes: int

    @property
    def title(self) -> str:
        """Kind and layer, such as `CONV_2D conv`."""
        return f"{self.kind} {self.layer}".rstrip()


@dataclass(frozen=True, kw_only=True)
class GraphInfo:
    """One subgraph; number 0 is the one that LiteRT's interpreter runs."""

    index: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    tensors: tuple[TensorInfo, ...]
    operators: tuple[Operator, ...]

    def makers(self) -> dict[int, int]:
        """Return the number of the operator that makes each computed tensor."""
        return {index: operator.index for operator in self.operators for index in operator.outputs}


@dataclass(frozen=True, kw_only=True)
class SignatureInfo:
    """A signature: its name, its subgraph, and the names of its inputs and outputs."""

    name: str
    subgraph: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
