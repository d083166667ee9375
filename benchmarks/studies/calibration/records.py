"""What was measured, as JSON lines: appended as soon as it is known, read again when a command goes on.

Law: a file belongs to one machine and one set of artifacts; nothing else is appended to it.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import Any

from optkit import OptkitError

RESULTS = Path("docs/results/calibration")
SCHEMA = 1


def environment() -> dict[str, Any]:
    """Return the machine and the versions that decide times."""
    import cpuinfo

    return {
        "cpu": cpuinfo.get_cpu_info().get("brand_raw", "unknown"),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("ai-edge-litert", "numpy", "scipy")},
    }


def read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the header and the records of `path`; of a file that is not there, nothing."""
    if not path.exists():
        return {}, []
    text = path.read_text()
    lines = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
    if not lines or lines[0].get("schema") != SCHEMA:
        raise OptkitError(f"{path} is not a calibration record of schema {SCHEMA}; move it away")
    return lines[0], lines[1:]


def begin(path: Path, facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what `path` holds, to go on; a new file gets `facts` as its header.

    Raises OptkitError when it was begun with other facts: another machine, or other artifacts.
    """
    header, records = read(path)
    facts = {"schema": SCHEMA, **json.loads(json.dumps(facts))}
    if not header:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(facts) + "\n")
    elif header != facts:
        other = [name for name in facts.keys() | header.keys() if facts.get(name) != header.get(name)]
        raise OptkitError(f"{path} was begun with other {', '.join(sorted(other))}; go on there, or move it away")
    return records


def append(path: Path, record: dict[str, Any]) -> None:
    """Add a record, whole or not at all: a line that was cut short is dropped first."""
    text = path.read_text()
    if not text.endswith("\n"):
        path.write_text(text[: text.rfind("\n") + 1])
    with path.open("a") as file:
        file.write(json.dumps(record, separators=(",", ":")) + "\n")
