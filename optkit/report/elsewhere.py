"""Text of whether a runtime runs a file, and what it takes there."""

from __future__ import annotations

from optkit.inspect.elsewhere import Look
from optkit.report import terminal
from optkit.report.terminal import paragraph


def look_text(look: Look, *, width: int | None = None) -> str:
    """Return a line on whether it runs, one on its memory, and one when its time says nothing."""
    where = f"{look.runtime} {look.version} ({look.settings})"
    lines = [f"{where} runs it" if look.runs else f"{where} does not run it: {look.refusal}"]
    if look.memory:
        memory = look.memory
        arena = f"arena {memory.arena_bytes:,} bytes" if memory.arena_bytes is not None else "no arena is told"
        parts = ", ".join(f"{name} {size:,}" for name, size in memory.parts.items())
        lines.append(f"memory there: {arena}{f'; {parts}' if parts else ''} ({memory.how})")
    if not look.times:
        lines.append("its time here says nothing of where the file will run: it is not timed")
    return "\n".join(part for line in lines for part in paragraph(line, width or terminal.width()))
