"""How two files differ, in what they compute: operators, options, shapes, types, quantization, values, wiring.

Law: what one change brings with it is told as its consequence (`follows`), and each tensor is told of once. Names are
not compared: converters make them up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from optkit.inspect.matching import Match, match_graphs
from optkit.inspect.operators import GraphInfo, Operator, Quantization, TensorInfo
from optkit.tflite.tensors import held

Kind = Literal["added", "removed", "kind", "options", "wiring", "shape", "type", "quantization", "values", "subgraphs"]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One difference. `base` and `head` are operators' numbers, None for what only one file has.

    `what` says where: an option, or which tensor. `follows` is the operator of the head whose change brings it; None
    when it stands for itself.
    """

    kind: Kind
    subgraph: int
    base: int | None
    head: int | None
    title: str
    what: str = ""
    before: str = ""
    after: str = ""
    follows: int | None = None


@dataclass(frozen=True, kw_only=True)
class Differences:
    """All differences of two files, and which operators of subgraph 0 belong together."""

    match: Match
    found: tuple[Difference, ...]

    def roots(self) -> tuple[Difference, ...]:
        """Return those that follow from no other."""
        return tuple(one for one in self.found if one.follows is None)


def compare_graphs(
    base: tuple[GraphInfo, ...], head: tuple[GraphInfo, ...], base_model: Any, head_model: Any
) -> Differences:
    """Return how two files differ; `base_model` and `head_model` are their verified ModelT, for the values."""
    found: list[Difference] = []
    matches = []
    digests = Digests(base_model), Digests(head_model)
    if len(base) != len(head):
        counts = (str(len(base)), str(len(head)))
        found.append(
            Difference(
                kind="subgraphs", subgraph=0, base=None, head=None, title="file", before=counts[0], after=counts[1]
            )
        )
    for one, other in zip(base, head, strict=False):
        match = match_graphs(one, other, digests[0], digests[1])
        matches.append(match)
        found += _Comparison(one, other, match, *digests).differences()
    return Differences(match=matches[0], found=tuple(found))


@dataclass
class _Comparison:
    base: GraphInfo
    head: GraphInfo
    match: Match
    base_digest: Digests
    head_digest: Digests
    told: set[tuple[int, int]] = field(default_factory=set)
    """Pairs of tensors that were compared."""
    changed: dict[int, int] = field(default_factory=dict)
    """Tensors of the head whose shape is another, and the operator that brought it."""

    def __post_init__(self) -> None:
        self._sides = (
            (self.base, self.base.makers(), set(self.match.removed), self.match.head_of()),
            (self.head, self.head.makers(), set(self.match.added), None),
        )

    def differences(self) -> list[Difference]:
        found = [self._alone("removed", self.base, index) for index in self.match.removed]
        found += [self._alone("added", self.head, index) for index in self.match.added]
        found += self._ends()
        base_of = self.match.base_of()
        for operator in self.head.operators:  # in the order of the file: what a change brings comes behind it
            if operator.index in base_of:
                found += self._pair(self.base.operators[base_of[operator.index]], operator)
            else:
                self._pass_on(operator)
        return found

    def _alone(self, kind: Literal["added", "removed"], graph: GraphInfo, index: int) -> Difference:
        operator = graph.operators[index]
        made = [graph.tensors[i] for i in operator.outputs]
        about = ", ".join(f"{one.dtype} {list(one.shape)}" for one in made)
        return Difference(
            kind=kind,
            subgraph=graph.index,
            base=index if kind == "removed" else None,
            head=index if kind == "added" else None,
            title=operator.title,
            **{"before" if kind == "removed" else "after": about},  # type: ignore[arg-type]
        )

    def _pass_on(self, operator: Operator) -> None:
        """An operator that is new gives on what a change before it brought."""
        source = next((self.changed[i] for i in operator.inputs if i in self.changed), None)
        if source is not None:
            self.changed.update(dict.fromkeys(operator.outputs, source))

    def _ends(self) -> Iterator[Difference]:
        """Compare the inputs of the graph, and what makes its outputs: a change there stands for itself."""
        for number, (a, b) in enumerate(zip(self.base.inputs, self.head.inputs, strict=False)):
            one, other = self.base.tensors[a], self.head.tensors[b]
            self.told.add((a, b))
            if one.shape != other.shape:
                self.changed[b] = -1
            yield from self._tensor(one, other, None, None, f"input {number}", None)
        for number in range(max(len(self.base.outputs), len(self.head.outputs))):
            sources = [
                _source(graph, makers, graph.outputs[number] if number < len(graph.outputs) else -1, alone, names)
                for graph, makers, alone, names in self._sides
            ]
            if sources[0] != sources[1]:
                yield self._of(None, None, "wiring", f"output {number}", sources[0], sources[1])

    def _pair(self, base: Operator, head: Operator) -> Iterator[Difference]:
        if base.kind != head.kind:
            yield self._of(base, head, "kind", "", base.kind, head.kind)
        else:
            for name in sorted({*base.options, *head.options}):
                before, after = (side.options.get(name) for side in (base, head))
                if before != after and not self._is_shape_option(head, name):
                    yield self._of(base, head, "options", name, str(before), str(after))
        wired = list(self._wiring(base, head))
        yield from wired
        moved = {one.what for one in wired}
        follows = next((self.changed[i] for i in head.inputs if i in self.changed), None)
        for a, b, what in self._tensors(base, head):
            if (a, b) in self.told or (what in moved and not self.head.tensors[b].constant):
                continue
            self.told.add((a, b))
            one, other = self.base.tensors[a], self.head.tensors[b]
            if one.shape != other.shape and not other.constant:
                self.changed[b] = head.index if follows is None else follows
            yield from self._tensor(one, other, base, head, what, follows)

    def _is_shape_option(self, head: Operator, name: str) -> bool:
        """A reshape repeats its shape in its options; the tensor that it makes is compared."""
        return head.kind == "RESHAPE" and name == "newShape"

    def _tensors(self, base: Operator, head: Operator) -> Iterator[tuple[int, int, str]]:
        """Yield the tensors of a pair of operators side by side, where both are of the pair or of the file."""
        gone, new = (
            {index for number in alone for index in graph.operators[number].outputs}
            for graph, _, alone, _ in self._sides
        )
        for label, left, right in (("input", base.inputs, head.inputs), ("output", base.outputs, head.outputs)):
            for number, (a, b) in enumerate(zip(left, right, strict=False)):
                if a >= 0 and b >= 0 and a not in gone and b not in new:
                    role = self.head.tensors[b].role or self.base.tensors[a].role
                    yield a, b, role if role in ("weights", "bias") else f"{label} {number}"

    def _tensor(
        self,
        one: TensorInfo,
        other: TensorInfo,
        base: Operator | None,
        head: Operator | None,
        what: str,
        follows: int | None,
    ) -> Iterator[Difference]:
        if one.shape != other.shape:
            yield self._of(base, head, "shape", what, str(list(one.shape)), str(list(other.shape)), follows)
        if one.dtype != other.dtype:
            yield self._of(base, head, "type", what, one.dtype, other.dtype)
        elif one.quantization != other.quantization:
            before, after = (quantization_text(side.quantization) for side in (one, other))
            if before == after:
                after = f"{after}, other values"
            moved = follows if one.shape != other.shape else None  # as many scales as channels
            yield self._of(base, head, "quantization", what, before, after, moved)
        elif one.shape == other.shape and one.constant and other.constant:
            if self.base_digest(one) != self.head_digest(other):
                yield self._of(base, head, "values", what)
        if one.constant != other.constant:
            words = {True: "a constant", False: "computed"}
            yield self._of(base, head, "wiring", what, words[one.constant], words[other.constant])

    def _wiring(self, base: Operator, head: Operator) -> Iterator[Difference]:
        """Compare what feeds a pair of operators, seen through operators that only one file has."""
        for number in range(max(len(base.inputs), len(head.inputs))):
            sources = []
            for (graph, makers, alone, names), operator in zip(self._sides, (base, head), strict=True):
                index = operator.inputs[number] if number < len(operator.inputs) else -1
                sources.append(_source(graph, makers, index, alone, names))
            if sources[0] != sources[1]:
                yield self._of(base, head, "wiring", f"input {number}", sources[0], sources[1])

    def _of(
        self,
        base: Operator | None,
        head: Operator | None,
        kind: Kind,
        what: str,
        before: str = "",
        after: str = "",
        follows: int | None = None,
    ) -> Difference:
        return Difference(
            kind=kind,
            subgraph=self.head.index,
            base=base.index if base else None,
            head=head.index if head else None,
            title=head.title if head else "graph",
            what=what,
            before=before,
            after=after,
            follows=follows if head is None or follows != head.index else None,
        )


def _source(graph: GraphInfo, makers: dict[int, int], index: int, alone: set[int], names: dict[int, int] | None) -> str:
    """Say what makes a tensor, in the numbers of the head."""
    while index in makers and makers[index] in alone:
        inputs = graph.operators[makers[index]].inputs
        index = inputs[0] if inputs else -1
    if index in makers:
        number = makers[index]
        place = graph.operators[number].outputs.index(index)
        number = number if names is None else names.get(number, number)
        return f"operator {number}" + (f", output {place}" if place else "")
    if index in graph.inputs:
        return f"input {graph.inputs.index(index)} of the graph"
    return "a constant" if index >= 0 and graph.tensors[index].constant else "nothing"


def quantization_text(found: Quantization | None) -> str:
    """Return scales and zero points in one line."""
    if found is None:
        return "none"
    low, high = found.scale
    scale = (
        f"scale {low:.6g}" if found.scales == 1 else f"{found.scales} scales along {found.axis}, {low:.3g}..{high:.3g}"
    )
    points = found.zero_point
    return f"{scale}, zero point {points[0] if points[0] == points[1] else f'{points[0]}..{points[1]}'}"


class Digests:
    """The sha256 of the values of a verified ModelT's constants, each worked out once, through the file's map."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._known: dict[int, str] = {}

    def __call__(self, tensor: TensorInfo) -> str:
        """Return what tells the values of `tensor` apart."""
        if tensor.buffer not in self._known:
            found = hashlib.sha256()
            raw = np.asarray(held(self._model, tensor), np.uint8)
            for start in range(0, len(raw), 1 << 22):
                found.update(raw[start : start + (1 << 22)].tobytes())
            self._known[tensor.buffer] = found.hexdigest()
        return self._known[tensor.buffer]
