"""What to call the operators of a .tflite file: short names of their own, from the names of their tensors."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from optkit.names import shown
from optkit.tflite.flatbuffer import WEIGHT_INPUT
from optkit.tflite.view import Node, View

_SPECIAL = frozenset("*?[]")
_LONGEST = 40


@dataclass(frozen=True)
class Called:
    """A node's name, and what `layers` of a conversion may call it: empty when no part of its names is its own."""

    name: str
    pattern: str


def names_of(view: View) -> dict[int, Called]:
    """Return of each node, by number, its name. No two nodes have the same one."""
    parts = {node.number: list(dict.fromkeys(view.parts(node))) for node in view.nodes}
    weighted = [node for node in view.nodes if _has_weights(node)]
    among = Counter(part for node in weighted for part in parts[node.number])
    overall = Counter(part for found in parts.values() for part in found)
    used: set[str] = set()
    names = {}
    for node in view.nodes:
        own = parts[node.number]
        if _has_weights(node):
            pattern = next((part for part in own if among[part] == 1 and not _SPECIAL & set(part)), "")
            name = pattern or _tail(own, overall, len(view.nodes))
        else:
            # of a layer without weights a name that few share: batch normalization is two operators of one layer
            few = [part for part in own if overall[part] <= 3 and not among[part] and not _SPECIAL & set(part)]
            pattern = few[0] if few else ""
            name = _tail(own, overall, len(view.nodes))
        names[node.number] = Called(_unused(shown(name or f"{node.kind.lower()}_{node.number}"), used), pattern)
    return names


def _has_weights(node: Node) -> bool:
    return WEIGHT_INPUT.get(node.kind, -1) in node.constants


def _tail(parts: list[str], overall: Counter[str], nodes: int) -> str:
    """Return the first and the last part of a name, of those that not all nodes have."""
    own = [part for part in parts if overall[part] < nodes] or parts
    return "/".join(own if len(own) < 3 else (own[0], own[-1]))[:_LONGEST]


def _unused(name: str, used: set[str]) -> str:
    found, number = name, 2
    while found in used:
        found, number = f"{name} ({number})", number + 1
    used.add(found)
    return found
