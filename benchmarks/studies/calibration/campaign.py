"""Whole invocations of `optkit ab` on real pairs, one after the other, and beside each the two rivals' sessions.

Law: an invocation is the command itself (`optkit.cli.main`), with nothing but its margin set; its record is kept as
soon as it ends and never taken again.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.studies.calibration import records
from benchmarks.studies.calibration.plain import run_session
from benchmarks.studies.calibration.plan import KINDS, SAME, Slot, Trial
from optkit.cli import main as optkit

Invoke = Callable[[Path, Path, str], dict[str, Any]]
Session = Callable[[Path], dict[str, Any]]


def files(folder: Path, trial: Trial) -> tuple[Path, Path]:
    """Return the two files of a trial; the copy of an identical pair is made when it is not there."""
    base, head = (folder / f"{name}.tflite" for name in (trial.base, trial.head))
    if trial.kind == SAME:
        head = folder / "copies" / base.name
        if not head.exists():
            head.parent.mkdir(exist_ok=True)
            shutil.copyfile(base, head)
    return base, head


def invoke(base: Path, head: Path, margin: str) -> dict[str, Any]:
    """Run `optkit ab BASE HEAD --margin MARGIN --json` and return what a record keeps of its answer."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = optkit(["ab", str(base), str(head), "--margin", margin, "--json"])
    answer = json.loads(said.getvalue())
    if "error" in answer:
        raise RuntimeError(answer["error"])
    found = answer["judgements"][0]
    return {
        "code": code,
        "verdict": found["verdict"],
        **{name: round(found[name], 5) for name in ("ratio", "low", "high", "control", "detectable") if found[name]},
        "processes": found["processes"],
        "seconds": round(found["seconds"], 2),
        "reason": found["reason"],
        "clock": found["timings"][0]["clock"],
        "effects": [round(one["effect"], 5) for one in found["timings"]],
        "controls": [round(one["control"], 5) for one in found["timings"]],
    }


def run(
    path: Path,
    planned: Sequence[Slot],
    folder: Path,
    facts: dict[str, Any],
    minutes: float,
    *,
    beside: str = "",
    invoke: Invoke = invoke,
    session: Session = run_session,
    clock: Callable[[], float] = time.monotonic,
    check: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = print,
) -> int:
    """Take the slots that `path` lacks, in order, for `minutes` at most; return how many are left.

    `beside` is what competes, for the records. `check` is called after each slot and raises when the condition did
    not hold; the slot is then not kept.
    """
    done = {record["slot"] for record in records.begin(path, facts)}
    left = [slot for slot in planned if slot.key not in done]
    until = clock() + 60 * minutes
    for i, slot in enumerate(left):
        if clock() > until:
            return len(left) - i
        base, head = files(folder, slot.trial)
        record = {
            "slot": slot.key,
            "kind": slot.trial.kind,
            "base": slot.trial.base,
            "head": slot.trial.head,
            "began": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "load": round(os.getloadavg()[0], 2),
            "beside": beside,
            "plain": {"base": session(base), "head": session(head)},
            **invoke(base, head, KINDS[slot.trial.kind][1]),
        }
        check()
        records.append(path, record)
        say(
            f"{len(planned) - len(left) + i + 1}/{len(planned)} {slot.key}: {record['verdict']} "
            f"{record['ratio']:.4f}, {record['processes']} processes, {record['seconds']:.1f} s"
        )
    return 0
