"""What another runtime makes of a file, as text."""

from __future__ import annotations

from optkit.inspect.on_runtime import OnRuntime
from optkit.names import shown
from optkit.report import terminal
from optkit.report.grid import Column, grid
from optkit.report.terminal import paragraph


def on_runtime_text(found: OnRuntime, width: int | None = None) -> str:
    """Return whether the file runs there, the arena and what it is made of, and what is not measured there."""
    columns = width or terminal.width()
    lines = paragraph(f"on {found.runtime} {shown(found.version)} ({found.about}):", columns)
    if found.refused:
        return "\n".join([*lines, *paragraph(f"does not run there: {shown(found.refused)}", columns, indent="  ")])
    if found.arena_bytes is not None:
        lines.append(f"  arena {found.arena_bytes:,} bytes")
    if found.parts:
        names = [shown(name) for name in found.parts]
        sizes = Column("bytes", [f"{size:,}" for size in found.parts.values()])
        lines += [
            f"  {line}" for line in grid(Column("of it", names, left=True), [sizes], columns - 2).text.split("\n")
        ]
    told = f"From {found.how}." if found.how else ""
    if not found.times:
        told += " Its time on this machine says nothing of a microcontroller, so it is not taken."
    return "\n".join([*lines, *paragraph(told.strip(), columns)] if told else lines)
