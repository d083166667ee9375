"""Which operator of one graph is which of another: by structure and by constants, never by name or number.

1. Operators whose constants are the same and stand nowhere else belong together; so do operators of one kind whose
   inputs, or whose users, belong together and have no other such operator.
2. What is left is written down in an order that the structure alone gives (from the outputs back, inputs first), and
   laid side by side at the least cost, as two texts are compared (Needleman and Wunsch 1970). An operator that has no
   counterpart costs more than one whose shapes, types, options or neighbours differ.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from optkit.inspect.operators import GraphInfo, Operator, TensorInfo

Digest = Callable[[TensorInfo], str]
"""Tells the values of constants apart."""
_ALONE = 1.0
"""An operator without a counterpart."""
_OTHER_KIND = 1.5
"""Two of different kinds, in one place: less than one gone and one new."""
_SHAPE, _WEIGHTS, _OPTIONS, _TYPE, _NEIGHBOURS = 0.3, 0.2, 0.1, 0.05, 0.4
_MOST = 4_000_000


@dataclass(frozen=True)
class Match:
    """Pairs of operators (number in the base, in the head), and those that only one graph has."""

    pairs: tuple[tuple[int, int], ...]
    removed: tuple[int, ...]
    added: tuple[int, ...]

    def head_of(self) -> dict[int, int]:
        """Return the head's operator for each paired one of the base."""
        return dict(self.pairs)

    def base_of(self) -> dict[int, int]:
        """Return the base's operator for each paired one of the head."""
        return {head: base for base, head in self.pairs}


class _Side:
    """A graph, its operators in the order of its structure, and what is around each."""

    def __init__(self, graph: GraphInfo, digest: Digest) -> None:
        self.graph, self.digest = graph, digest
        makers = graph.makers()
        self.sources = {
            one.index: [makers[index] for index in one.inputs if index in makers] for one in graph.operators
        }
        self.users: dict[int, list[int]] = {one.index: [] for one in graph.operators}
        for user, sources in self.sources.items():
            for source in sources:
                self.users[source].append(user)
        self.order = in_order(graph)
        self.signatures = {one.index: _signature(graph, one) for one in graph.operators}

    def kind(self, number: int) -> str:
        return self.graph.operators[number].kind

    def constants(self, number: int) -> tuple[str, ...]:
        """Return what tells the constants of an operator apart; nothing when it has none that say much."""
        read = [self.graph.tensors[index] for index in self.graph.operators[number].inputs if index >= 0]
        return tuple(self.digest(one) for one in read if one.role == "weights")


def match_graphs(base: GraphInfo, head: GraphInfo, base_digest: Digest, head_digest: Digest) -> Match:
    """Return which operators of `base` and `head` are the same."""
    left, right = _Side(base, base_digest), _Side(head, head_digest)
    pairs = _certain(left, right)
    partners = {b for b in pairs.values()}
    rest = [[n for n in left.order if n not in pairs], [n for n in right.order if n not in partners]]
    pairs.update(_aligned(rest[0], rest[1], left, right, dict(pairs)))
    return Match(
        pairs=tuple(sorted(pairs.items())),
        removed=tuple(sorted(set(left.order) - set(pairs))),
        added=tuple(sorted(set(right.order) - set(pairs.values()))),
    )


def in_order(graph: GraphInfo) -> list[int]:
    """Return the operators of a graph in the order that its structure gives."""
    makers = graph.makers()
    found: list[int] = []
    seen: set[int] = set()
    ends = [makers[index] for index in graph.outputs if index in makers]
    for root in (*ends, *(operator.index for operator in graph.operators)):
        left = [(root, False)]
        while left:
            number, done = left.pop()
            if done:
                found.append(number)
            elif number not in seen:
                seen.add(number)
                left.append((number, True))
                inputs = graph.operators[number].inputs
                left += [(makers[i], False) for i in reversed(inputs) if i in makers and makers[i] not in seen]
    return found


def _certain(left: _Side, right: _Side) -> dict[int, int]:
    """Pair operators by their constants, then by what is paired around them, as long as that pairs more."""
    pairs = _unique(
        {n: (left.kind(n), key) for n in left.order if (key := left.constants(n))},
        {n: (right.kind(n), key) for n in right.order if (key := right.constants(n))},
    )
    if not pairs:
        return pairs
    while True:
        back = {b: a for a, b in pairs.items()}
        more: dict[int, int] = {}
        for of_left, of_right in ((left.sources, right.sources), (left.users, right.users)):
            names = [{n: n for n in pairs}, back]
            keys = [
                {n: (side.kind(n), around) for n in side.order if n not in known and (around := _around(of[n], known))}
                for side, of, known in ((left, of_left, names[0]), (right, of_right, names[1]))
            ]
            more = _unique(keys[0], keys[1])
            if more:
                break
        if not more:
            return pairs
        pairs |= more


def _around(neighbours: Iterable[int], known: dict[int, int]) -> tuple[int, ...]:
    """Return the neighbours in the numbers of the base; nothing unless all of them are paired."""
    found = [known.get(one, -1) for one in neighbours]
    return tuple(sorted(found)) if found and min(found) >= 0 else ()


def _unique(left: Mapping[int, tuple[object, ...]], right: Mapping[int, tuple[object, ...]]) -> dict[int, int]:
    """Pair what has the same key, where only one has it on each side."""
    counts = [Counter(left.values()), Counter(right.values())]
    place = {key: number for number, key in right.items()}
    return {number: place[key] for number, key in left.items() if counts[0][key] == 1 and counts[1].get(key) == 1}


def _signature(graph: GraphInfo, operator: Operator) -> tuple[object, ...]:
    made = tuple(graph.tensors[index].shape for index in operator.outputs)
    read = [graph.tensors[index] for index in operator.inputs if index >= 0]
    weights = tuple(one.shape for one in read if one.role == "weights")
    types = tuple(one.dtype for one in read), operator.dtype
    return operator.kind, made, weights, tuple(sorted((k, str(v)) for k, v in operator.options.items())), types


def _cost(left: _Side, right: _Side, pairs: dict[int, int], a: int, b: int) -> float:
    one, other = left.signatures[a], right.signatures[b]
    weights = (_OTHER_KIND, _SHAPE, _WEIGHTS, _OPTIONS, _TYPE)
    cost = sum(weight for weight, x, y in zip(weights, one, other, strict=True) if x != y)
    known = [n for n in (*left.sources[a], *left.users[a]) if n in pairs]
    if known:
        there = {*right.sources[b], *right.users[b]}
        cost += _NEIGHBOURS * sum(pairs[n] not in there for n in known) / len(known)
    return cost


def _aligned(
    some: Sequence[int], others: Sequence[int], left: _Side, right: _Side, pairs: dict[int, int]
) -> list[tuple[int, int]]:
    """Pair what is left, in order, at the least cost; alike beginnings and ends are taken as they are."""
    start = _alike(some, others, left, right, pairs)
    end = _alike(some[start:][::-1], others[start:][::-1], left, right, pairs)
    a, b = some[start : len(some) - end], others[start : len(others) - end]
    found = [*zip(some[:start], others[:start], strict=True)]
    found += zip(some[len(some) - end :], others[len(others) - end :], strict=True)
    if len(a) * len(b) > _MOST:
        return [*found, *_by_kind(a, b, left, right)]
    return [*found, *_least_cost(a, b, left, right, pairs)]


def _alike(some: Sequence[int], others: Sequence[int], left: _Side, right: _Side, pairs: dict[int, int]) -> int:
    count = 0
    for a, b in zip(some, others, strict=False):
        if _cost(left, right, pairs, a, b) > 0:
            break
        count += 1
    return count


def _least_cost(
    some: Sequence[int], others: Sequence[int], left: _Side, right: _Side, pairs: dict[int, int]
) -> list[tuple[int, int]]:
    costs = [[_cost(left, right, pairs, a, b) for b in others] for a in some]
    table = [[_ALONE * j for j in range(len(others) + 1)]]
    for i in range(1, len(some) + 1):
        row, above = [_ALONE * i], table[-1]
        for j in range(1, len(others) + 1):
            row.append(min(above[j - 1] + costs[i - 1][j - 1], above[j] + _ALONE, row[j - 1] + _ALONE))
        table.append(row)
    found = []
    i, j = len(some), len(others)
    while i and j:
        if table[i][j] == table[i - 1][j - 1] + costs[i - 1][j - 1]:
            i, j = i - 1, j - 1
            found.append((some[i], others[j]))
        elif table[i][j] == table[i - 1][j] + _ALONE:
            i -= 1
        else:
            j -= 1
    return found


def _by_kind(some: Sequence[int], others: Sequence[int], left: _Side, right: _Side) -> list[tuple[int, int]]:
    """Pair operators of two very large graphs: the longest runs of the same kinds."""
    kinds = [[side.kind(n) for n in numbers] for side, numbers in ((left, some), (right, others))]
    blocks = difflib.SequenceMatcher(None, kinds[0], kinds[1], autojunk=False).get_matching_blocks()
    return [(some[block.a + k], others[block.b + k]) for block in blocks for k in range(block.size)]
