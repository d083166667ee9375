"""Weights as lookup tables, as text: what they save in flash, and what they cost in RAM."""

from __future__ import annotations

from optkit.names import shown
from optkit.report import terminal
from optkit.report.grid import Column, grid
from optkit.report.terminal import paragraph
from optkit.runtime.micro_tables import Tables


def tables_text(found: Tables, to: str, width: int | None = None) -> str:
    """Return what lookup tables save in flash, what they cost in RAM, and what was proven."""
    columns = width or terminal.width()
    names = ["bytes in flash", "bytes in a ZIP", "bytes of arena"]
    pairs = [found.flash_bytes, found.zip_bytes, found.arena_bytes]
    both = [Column(head, [f"{pair[i]:,}" for pair in pairs]) for i, head in enumerate(("as it is", "with tables"))]
    told = "; ".join(f"{shown(one.name) or one.tensor}: {one.bits} bits an index" for one in found.tables)
    proven = f"Every output is equal, on {found.samples} samples. Only TensorFlow Lite Micro runs this file."
    lines = paragraph(f"weights as lookup tables, written to {shown(to)} ({told}):", columns)
    return "\n".join([*lines, grid(Column("", names, left=True), both, columns).text, *paragraph(proven, columns)])
