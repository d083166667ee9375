"""What another runtime makes of a file, as text."""

from __future__ import annotations

from optkit.inspect.on_runtime import OnRuntime
from optkit.names import shown
from optkit.report import terminal
from optkit.report.grid import Column, grid
from optkit.report.terminal import paragraph
from optkit.runtime.micro_tables import Tables
from optkit.runtime.tflite_micro import LEAST


def on_runtime_text(found: OnRuntime, width: int | None = None) -> str:
    """Return whether the file runs there, the arena and what it is made of, and what is not measured there."""
    columns = width or terminal.width()
    lines = paragraph(f"on {found.runtime} {shown(found.version)} ({found.about}):", columns)
    if found.refused:
        return "\n".join([*lines, *paragraph(f"does not run there: {shown(found.refused)}", columns, indent="  ")])
    if found.arena_bytes is not None:
        lines.append(f"  arena {found.arena_bytes:,} bytes")
    parts = {name: size for name, size in found.parts.items() if name != LEAST}
    if parts != found.parts:
        lines.append(f"  {LEAST} {found.parts[LEAST]:,} bytes")
    if parts:
        names = [shown(name) for name in parts]
        sizes = Column("bytes", [f"{size:,}" for size in parts.values()])
        lines += [
            f"  {line}" for line in grid(Column("of it", names, left=True), [sizes], columns - 2).text.split("\n")
        ]
    told = f"From {found.how}." if found.how else ""
    if not found.times:
        told += " Its time on this machine says nothing of a microcontroller, so it is not taken."
    return "\n".join([*lines, *paragraph(told.strip(), columns)] if told else lines)


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
