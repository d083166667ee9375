"""Run the cases in every runtime that is installed, each in a process of its own, and say what came of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.studies.conformance.cases import BATCH, Case
from optkit.runtime.protocol import Runtime
from optkit.spec.running import said

RESULTS = Path("docs/results/conformance.json")
_ROOT = Path(__file__).resolve().parents[3]
_TIMEOUT = 120.0


def write_cases(cases: Sequence[Case], folder: Path) -> None:
    """Write the file and the arrays of each case to a folder of its name."""
    for case in cases:
        own = folder / case.name
        own.mkdir()
        (own / "model.tflite").write_bytes(case.content)
        np.savez(own / "inputs.npz", **case.inputs)
        np.savez(own / "outputs.npz", **case.outputs)


def ways(runtime: Runtime) -> list[Mapping[str, Any]]:
    """Return the settings that are held to the cases: the defaults, and those that tuning tries."""
    more = [{"kernels": "reference"}] if runtime.name == "litert" else []
    return [{}, *runtime.tunable, *more]


def outcomes(runtime: str, settings: Mapping[str, Any], cases: Sequence[Case], folder: Path) -> dict[str, Any]:
    """Return what came of each case, by name: its `error`, or how it was `refused`, `wrong` or that it `crashed`."""
    tolerances = {case.name: case.tolerance for case in cases}
    left, found = list(tolerances), {}
    while left:
        lines, code = _process(runtime, settings, left, folder)
        for line in lines:
            if "case" in line:
                found[line.pop("case")] = line
        entered = [line["entering"] for line in lines if "entering" in line]
        for name in entered:
            found.setdefault(name, {"crashed": f"exit code {code}"})
        if not entered:
            raise RuntimeError(f"the process that runs {runtime} ended with code {code} before the first case")
        left = [name for name in left if name not in found]
    for name, one in found.items():
        if one.get("error", 0) > tolerances[name]:
            one["wrong"] = f"off by {one.pop('error'):.2g} of the range"
    return found


def _process(
    runtime: str, settings: Mapping[str, Any], names: Sequence[str], folder: Path
) -> tuple[list[dict[str, Any]], int]:
    request = {"runtime": runtime, "settings": settings, "cases": names, "folder": str(folder), "batch": BATCH}
    command = [sys.executable, "-m", "benchmarks.studies.conformance.worker"]
    done = subprocess.run(
        command, input=json.dumps(request), capture_output=True, text=True, timeout=_TIMEOUT, cwd=_ROOT, check=False
    )
    if done.returncode > 0:
        raise RuntimeError(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()], done.returncode


def word(one: Mapping[str, Any]) -> str:
    """Return what an outcome is called."""
    return next((name for name in ("wrong", "crashed", "refused") if name in one), "same")


def table(saved: Mapping[str, Any]) -> str:
    """Return the outcomes that were saved as Markdown: a row for each case, and below it why files are refused."""
    columns: dict[str, list[Mapping[str, Any]]] = {}
    for name, found in saved["runtimes"].items():
        first, *others = [row["cases"] for row in found["rows"]]
        columns[f"{name} {found['version']}"] = [first]
        if others:
            columns[f"{name}, {len(others)} other settings"] = others
    reasons: dict[str, int] = {}
    lines = [
        f"| {name} | {100 * tolerance:g} % | {' | '.join(_cell(name, rows, reasons) for rows in columns.values())} |"
        for name, tolerance in saved["cases"].items()
    ]
    head = f"| file | may differ by | {' | '.join(columns)} |"
    notes = [f"{number}. {reason}" for reason, number in reasons.items()]
    tried = [
        f"The other settings of {name}: {_settings(found['rows'][1:])}."
        for name, found in saved["runtimes"].items()
        if len(found["rows"]) > 1
    ]
    return "\n".join([head, "|---|---|" + "---|" * len(columns), *lines, "", *notes, *([""] if notes else []), *tried])


def _cell(name: str, rows: Sequence[Mapping[str, Any]], reasons: dict[str, int]) -> str:
    """Return what became of the case `name` in each of `rows`, once where it is the same."""
    found: dict[str, None] = {}
    for row in rows:
        mark = word(row[name])
        if mark != "same":
            number = reasons.setdefault(row[name][mark], len(reasons) + 1)
            mark = f"{mark} ({number})"
        found[mark] = None
    return ", ".join(found)


def _settings(rows: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(f"`{said(row['settings'])}`" for row in rows)
