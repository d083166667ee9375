"""What would not run on hardware that is not here, as text."""

from __future__ import annotations

from collections.abc import Sequence

from optkit.inspect.hardware import Hardware, Objection
from optkit.names import shown
from optkit.report import terminal
from optkit.report.terminal import paragraph

_MOST = 12


def hardware_text(hardware: Hardware, found: Sequence[Objection], operators: int, width: int | None = None) -> str:
    """Return the objections of a list to a file of so many operators, and what the list cannot tell."""
    columns = width or terminal.width()
    lines = paragraph(f"{hardware.title} ({hardware.source}, read {hardware.read}):", columns)
    if not found:
        told = (
            f"  nothing in the list speaks against its {operators} operators. That does not say that it runs: shapes, "
        )
        return "\n".join([*lines, *paragraph(f"{told}options and versions decide as well.", columns, indent="  ")])
    lines += paragraph(f"  would not run: {len(found)} of {operators} operators", columns, indent="  ")
    groups: dict[tuple[str, str], list[int]] = {}
    for one in found:
        groups.setdefault((one.kind, one.why), []).append(one.operator)
    for (kind, why), numbers in list(groups.items())[:_MOST]:
        which = ", ".join(map(str, numbers[:_MOST])) + (" …" if len(numbers) > _MOST else "")
        lines += paragraph(f"  - {shown(kind)} (operator {which}): {why}", columns, indent="    ")
    if len(groups) > _MOST:
        lines.append(f"  and {len(groups) - _MOST} more kinds; --json has them all")
    return "\n".join(lines)
