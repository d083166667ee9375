"""Whether bytes are a flatbuffer of the .tflite schema: every offset, table, vector and string within the file.

Law: nothing is read before it is known to lie within the bytes, and nothing is copied but strings. What this accepts,
LiteRT's generated classes can read. It asks for what the verifier of FlatBuffers' C++ library asks for
(https://flatbuffers.dev/languages/cpp/#access-of-untrusted-buffers), and for names that are UTF-8. The Python
library has no verifier.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from optkit.tflite.schema import FIELDS, UNIONS

IDENTIFIER = b"TFL3"
MAX_TABLES = 300_000
"""A table that is pointed at twice counts twice, so a small file cannot ask for endless work. A network of 50,000
operators has some 250,000 tables."""

_WIDTHS = {"?": 1, "b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "f": 4, "q": 8, "Q": 8, "d": 8}
_U16, _U32, _I32 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<i")


class Damaged(ValueError):
    """The bytes are not what the schema asks for. The text says what and where."""


@dataclass(frozen=True)
class _Reference:
    """A slot that points elsewhere: where it is in its table, what it points to, and where its union's type is."""

    offset: int
    field: str
    kind: str
    union_type: int


def verify_structure(data: Any) -> None:
    """Check the bytes of a whole file (bytes, memoryview or mmap). Raises Damaged."""
    if len(data) < 8 or bytes(data[4:8]) != IDENTIFIER:
        raise Damaged(f"it lacks the identifier {IDENTIFIER.decode()}")
    walk = _Walk(data)
    walk.table("Model", walk.follow(0, "the root"))


class _Walk:
    """One pass over a file. The schema has no table that contains itself, so the depth is that of the schema."""

    def __init__(self, data: Any) -> None:
        self._data, self._size = data, len(data)
        self._tables = 0
        self._text = self._elements = 0
        self._known: dict[tuple[str, int, int], tuple[_Reference, ...]] = {}
        self._check: dict[str, Callable[[int, str], None]] = {"string": self._string, "[string]": self._strings}

    def follow(self, at: int, what: str) -> int:
        """Return where the offset at `at` points. `at` lies within the file."""
        target = at + int(_U32.unpack_from(self._data, at)[0])
        if target == at or target % 4 or target + 4 > self._size:
            raise Damaged(f"{what} points to byte {target} of {self._size}")
        return target

    def table(self, name: str, at: int) -> None:
        """Check the table `name` at `at`, and all that it points to."""
        self._tables += 1
        if self._tables > MAX_TABLES:
            raise Damaged(f"it has more than {MAX_TABLES} tables")
        layout = at - int(_I32.unpack_from(self._data, at)[0])
        if layout < 0 or layout % 2 or layout + 4 > self._size:
            raise Damaged(f"{name} at byte {at} has its layout at byte {layout} of {self._size}")
        if at + int(_U16.unpack_from(self._data, layout + 2)[0]) > self._size:
            raise Damaged(f"{name} at byte {at} reaches beyond the end of the file")
        key = (name, layout, at % 8)
        if key not in self._known:
            self._known[key] = self._references(name, at, layout)
        for reference in self._known[key]:
            self._refer(name, at, reference)

    def _references(self, name: str, at: int, layout: int) -> tuple[_Reference, ...]:
        """Check a table's layout (its vtable); return the slots that point elsewhere."""
        layout_size, table_size = struct.unpack_from("<2H", self._data, layout)
        if layout_size < 4 or layout_size % 2 or layout + layout_size > self._size or table_size < 4:
            raise Damaged(f"the layout of {name} at byte {layout} is of {layout_size} bytes for {table_size}")
        offsets = struct.unpack_from(f"<{layout_size // 2 - 2}H", self._data, layout + 4)
        found = []
        # a file of a newer schema has slots that this one does not know
        for slot, (offset, (field, kind)) in enumerate(zip(offsets, FIELDS[name], strict=False)):
            if offset == 0 or not kind:
                continue
            width = _WIDTHS.get(kind, 4)
            if offset < 4 or offset + width > table_size or (at + offset) % width:
                raise Damaged(f"{name}.{field or slot} lies at byte {offset} of a table of {table_size} at byte {at}")
            if kind not in _WIDTHS:
                found.append(_Reference(offset, field, kind, offsets[slot - 1] if kind.startswith("|") else 0))
        return tuple(found)

    def _refer(self, name: str, at: int, reference: _Reference) -> None:
        kind, what = reference.kind, f"{name}.{reference.field}"
        if kind.startswith("|"):
            member = self._data[at + reference.union_type] if reference.union_type else 0
            members = UNIONS[kind[1:]]
            if not 1 <= member <= len(members):  # none, or of a newer schema: nobody reads it
                return
            kind = members[member - 1]
        target = self.follow(at + reference.offset, what)
        if kind in FIELDS:
            self.table(kind, target)
        elif kind in self._check:
            self._check[kind](target, what)
        elif kind[1:-1] in FIELDS:
            for item in self._vector(target, 4, what):
                self.table(kind[1:-1], self.follow(item, what))
        else:
            self._vector(target, _WIDTHS[kind[1:-1]], what)

    def _vector(self, at: int, width: int, what: str) -> range:
        """Check a vector whose elements have `width` bytes; return where they are."""
        count = int(_U32.unpack_from(self._data, at)[0])
        if at + 4 + count * width > self._size or (count and (at + 4) % width):
            raise Damaged(f"{what} at byte {at} has {count} elements and the file {self._size} bytes")
        self._elements += count
        if self._elements > 2 * self._size:  # each takes a byte or more, unless many tables share one vector
            raise Damaged("its vectors together are longer than the file")
        return range(at + 4, at + 4 + count * width, width)

    def _strings(self, at: int, what: str) -> None:
        for item in self._vector(at, 4, what):
            self._string(self.follow(item, what), what)

    def _string(self, at: int, what: str) -> None:
        place = self._vector(at, 1, what)
        self._text += len(place)
        if self._text > 2 * self._size:
            raise Damaged("its names together are longer than the file")
        if place.stop >= self._size or self._data[place.stop] != 0:
            raise Damaged(f"{what} at byte {at} does not end with a zero")
        try:
            str(self._data[place.start : place.stop], "utf-8")
        except UnicodeDecodeError:
            raise Damaged(f"{what} at byte {at} is not UTF-8") from None
