"""Text of whether a runtime runs a file, and what it takes there."""

from __future__ import annotations

from collections.abc import Iterator

from optkit.inspect.elsewhere import Look
from optkit.names import shown
from optkit.report import terminal
from optkit.report.grid import Column, grid
from optkit.report.terminal import paragraph
from optkit.runtime.protocol import Memory


def look_text(look: Look, *, width: int | None = None) -> str:
    """Return whether it runs, its memory with the parts, and that its time says nothing where that is so."""
    columns = width or terminal.width()
    where = f"{look.runtime} {look.version} ({look.settings})"
    lines = paragraph(f"{where} runs it" if look.runs else f"{where} does not run it: {shown(look.refusal)}", columns)
    if look.memory:
        lines += _memory(look.memory, columns)
    if not look.times:
        lines += paragraph("Its time here says nothing of where the file will run: it is not timed.", columns)
    return "\n".join(lines)


def _memory(memory: Memory, width: int) -> Iterator[str]:
    arena = f"arena {memory.arena_bytes:,} bytes" if memory.arena_bytes is not None else "no arena is told"
    yield from paragraph(f"memory there: {arena} ({shown(memory.how)})", width)
    if memory.parts:
        sizes = Column("bytes", [f"{size:,}" for size in memory.parts.values()])
        table = grid(Column("", [shown(name) for name in memory.parts], left=True), [sizes], width - 2)
        yield from (f"  {line}" for line in table.text.splitlines())
