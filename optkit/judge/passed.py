"""What passed a gate last, kept in the store: so that a later failure can say what changed since."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from optkit.build.store import Store
from optkit.files.documents import DocumentError, check_levels, typed
from optkit.record.run import Run

if TYPE_CHECKING:
    from optkit.judge.gates import Verdict


def remember(store: Store, run: Run, verdicts: list[Verdict]) -> None:
    """Keep, for each verdict that passed, what passed: its value, date, artifact, spec, runtime and machine."""
    passed = {
        verdict.name: {"value": verdict.value, "made": run.made, **_circumstances(run, verdict)}
        for verdict in verdicts
        if verdict.status == "pass"
    }
    store.write_note(_note(run), {**store.read_note(_note(run)), **passed})


def explain(store: Store, run: Run, verdict: Verdict) -> Verdict:
    """Return a failed `verdict` with what changed since the same gate last passed on the same data, if it ever did."""
    if verdict.status != "fail" or (before := _last_passed(store, run, verdict)) is None:
        return verdict
    now = _circumstances(run, verdict)
    lines = [f"last passed {before.made or 'at an unknown time'} with {before.value:.6g}; since then:"]
    differences = list(_differences({name: getattr(before, name) for name in now}, now))
    lines += differences or ["nothing that is recorded changed: the difference is in the measurement"]
    return dataclasses.replace(verdict, changed=tuple(lines))


class _Passed(msgspec.Struct):
    """What `remember` keeps of a verdict that passed."""

    value: float
    made: str = ""
    artifact: str | None = None
    runtime: dict[str, Any] = {}
    spec: dict[str, Any] = {}
    machine: dict[str, Any] = {}


def _last_passed(store: Store, run: Run, verdict: Verdict) -> _Passed | None:
    """Return what the note says of this gate; None when it says nothing, or the note is damaged."""
    kept = store.read_note(_note(run)).get(verdict.name)
    try:
        check_levels(kept)
        found: _Passed | None = typed(kept, _Passed | None)
    except DocumentError:
        return None
    return found


def _note(run: Run) -> str:
    return f"passed-{run.suite}-{run.dataset.digest[:16]}"


def _circumstances(run: Run, verdict: Verdict) -> dict[str, Any]:
    facts = run.variants[verdict.variant]
    machine = run.machine
    return {
        "artifact": facts.artifact.sha256,
        "runtime": {name: value for name, value in msgspec.to_builtins(facts.runtime).items() if value},
        "spec": facts.spec,
        "machine": {"node": machine.node, "cpu": machine.processor, "cores": machine.cores},
    }


def _differences(before: Any, now: Any, place: str = "") -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in sorted({*before, *now}):
            yield from _differences(before.get(key), now.get(key), f"{place}.{key}".lstrip("."))
    elif isinstance(before, list) and isinstance(now, list):
        for i in range(max(len(before), len(now))):
            old, new = (side[i] if i < len(side) else None for side in (before, now))
            yield from _differences(old, new, f"{place}[{i}]")
    elif before != now:
        yield f"{place}: {before} -> {now}"
