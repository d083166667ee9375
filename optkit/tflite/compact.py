"""Write a .tflite file anew with each part once: equal tables, vectors and strings are shared.

FlatBuffers point from parts to parts, so two places may point to the same one: readers never change a file. What is
equal is written once, whatever it is of; nothing is written that equals its default; an empty vector is left out where
its absence says the same.

Law: reading the file gives the same values. The same file gives the same bytes. Constants lie on multiples of 4 bytes,
as in all files that LiteRT's Python tools write; what wants 16 (some kernels of microcontrollers) aligns them anew.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Union

import numpy as np

from optkit.tflite.schema import FIELDS, UNIONS

_DTYPES = {"?": "<i1", "b": "<i1", "B": "<u1", "h": "<i2", "H": "<u2", "i": "<i4", "I": "<u4", "f": "<f4"}
_DTYPES |= {"q": "<i8", "Q": "<u8", "d": "<f8"}
_PREPEND = {"?": "Bool", "b": "Int8", "B": "Uint8", "h": "Int16", "H": "Uint16", "i": "Int32", "I": "Uint32"}
_PREPEND |= {"f": "Float32", "q": "Int64", "Q": "Uint64", "d": "Float64"}
_KEPT_EMPTY = frozenset(
    {"Operator.inputs", "Operator.outputs", "Operator.customOptions", "SubGraph.inputs", "SubGraph.outputs"}
    | {"SubGraph.operators", "SubGraph.tensors", "Model.buffers", "Model.operatorCodes"}
)
"""Vectors that a runtime may count without asking whether they are there."""
_OFFSET = 4


@dataclass(frozen=True)
class _Number:
    kind: str
    content: bytes


@dataclass(frozen=True)
class _Vector:
    """Numbers, of a letter of `struct`, or a string."""

    kind: str
    content: bytes


@dataclass(frozen=True)
class _Tables:
    items: tuple[_Table, ...]


@dataclass(frozen=True)
class _Table:
    """Slots that are there, by their number. Two tables with the same slots have the same bytes, whatever they are."""

    slots: tuple[tuple[int, _Part], ...]


_Part = Union[_Number, _Vector, _Tables, _Table]  # noqa: UP007 - it is used before its members are there


def compact(data: bytes) -> bytes:
    """Return the .tflite file `data`, which optkit made or verified, with equal parts shared."""
    import flatbuffers

    writer = _Writer(flatbuffers.Builder(len(data)))
    writer.builder.Finish(writer.put(_Reader(data).root()), b"TFL3")
    return bytes(writer.builder.Output())


class _Reader:
    """Reads a flatbuffer by the schema as data, whatever its tables are."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._known: dict[tuple[str, int], _Table] = {}

    def root(self) -> _Table:
        return self._table("Model", self._follow(0))

    def _follow(self, at: int) -> int:
        return at + self._count(at)

    def _count(self, at: int) -> int:
        return int(struct.unpack_from("<I", self._data, at)[0])

    def _table(self, name: str, at: int) -> _Table:
        if (name, at) not in self._known:
            layout = at - int(struct.unpack_from("<i", self._data, at)[0])
            size = int(struct.unpack_from("<H", self._data, layout)[0])
            offsets = struct.unpack_from(f"<{size // 2 - 2}H", self._data, layout + 4)
            found = ((slot, self._part(name, slot, at, offsets)) for slot, offset in enumerate(offsets) if offset)
            self._known[name, at] = _Table(tuple((slot, part) for slot, part in found if part is not None))
        return self._known[name, at]

    def _part(self, name: str, slot: int, at: int, offsets: tuple[int, ...]) -> _Part | None:
        """Return what a slot holds; None when it need not be there."""
        field, kind = FIELDS[name][slot]
        place = at + offsets[slot]
        if kind in _DTYPES:
            return _Number(kind, self._data[place : place + np.dtype(_DTYPES[kind]).itemsize])
        if kind.startswith("|"):
            kind = UNIONS[kind[1:]][self._data[at + offsets[slot - 1]] - 1]
        target = self._follow(place)
        if kind in FIELDS:
            return self._table(kind, target)
        start, count = target + 4, self._count(target)
        if not count and kind != "string" and f"{name}.{field}" not in _KEPT_EMPTY:
            return None
        if kind[1:-1] in FIELDS:
            places = range(start, start + _OFFSET * count, _OFFSET)
            return _Tables(tuple(self._table(kind[1:-1], self._follow(one)) for one in places))
        width = 1 if kind == "string" else np.dtype(_DTYPES[kind[1:-1]]).itemsize
        return _Vector(kind if kind == "string" else kind[1:-1], self._data[start : start + count * width])


class _Writer:
    """Writes parts by FlatBuffers' builder, each once: what a part points to is written before it."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder
        self._written: dict[_Part, int] = {}

    def put(self, part: _Part) -> int:
        """Write a part unless it is there; return where it is."""
        if part not in self._written:
            self._written[part] = self._put(part)
        return self._written[part]

    def _put(self, part: _Part) -> int:
        if isinstance(part, _Table):
            return self._put_table(part)
        if isinstance(part, _Tables):
            return self._put_tables(part)
        if part.kind == "string":
            return int(self.builder.CreateString(part.content))
        return int(self.builder.CreateNumpyVector(np.frombuffer(part.content, _DTYPES[part.kind])))

    def _put_tables(self, part: _Tables) -> int:
        items = [self.put(item) for item in part.items]
        self.builder.StartVector(_OFFSET, len(items), _OFFSET)
        for item in reversed(items):
            self.builder.PrependUOffsetTRelative(item)
        return int(self.builder.EndVector())

    def _put_table(self, part: _Table) -> int:
        places = {slot: self.put(one) for slot, one in part.slots if not isinstance(one, _Number)}
        self.builder.StartObject(1 + max((slot for slot, _ in part.slots), default=-1))
        for slot, one in sorted(part.slots, key=lambda entry: (_size(entry[1]), entry[0]), reverse=True):
            if isinstance(one, _Number):
                value = np.frombuffer(one.content, _DTYPES[one.kind])[0].item()
                getattr(self.builder, f"Prepend{_PREPEND[one.kind]}")(value)
            else:
                self.builder.PrependUOffsetTRelative(places[slot])
            self.builder.Slot(slot)
        return int(self.builder.EndObject())


def _size(part: _Part) -> int:
    """Return the bytes of a slot: large ones first, so that no room is lost to alignment."""
    return len(part.content) if isinstance(part, _Number) else _OFFSET
