"""What a file is on a target: measured by the target's runtime, or estimated by its compiler; kept in the store.

Law: what a target refuses is a figure too: the operator and the reason. What cannot be measured because an extra is
missing is said, and never taken for a pass.
"""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from optkit.build.artifact import Artifact
from optkit.build.store import Store
from optkit.data import Dataset
from optkit.data.dataset import count, take
from optkit.errors import ArtifactError
from optkit.files.documents import decode_json
from optkit.measure import mnn_target
from optkit.measure.accuracy import classify
from optkit.measure.memory import peak_memory
from optkit.measure.metrics import Scorer
from optkit.runtime import runtime_version, tflite_micro, vela
from optkit.runtime.chosen import facts_of
from optkit.runtime.micro_says import Refused
from optkit.spec.keys import digest
from optkit.spec.metrics import Task
from optkit.spec.running import PLAIN, Running
from optkit.spec.target import LiteRTTarget, MicroTarget, MNNTarget, Target, VelaTarget
from optkit.tflite.interface import fit

_VERSION = 1
_PART = 1000
"""Samples that cross to the process of a microcontroller's interpreter at once."""


@dataclass(frozen=True, kw_only=True)
class TargetFacts:
    """What is known of a file on the target called `target`: `figures` by the names of metrics, in their units.

    `by` and `version` are the runtime or compiler; `settings` those of the target. `parts` are bytes that a figure is
    made of, `ranges` the least and the most of one that was measured several times. `refused` says why the file does
    not run there, `missing` why nothing is known. `estimated`: the figures are a compiler's estimates. `notes` are what
    a reader of the figures must know.
    """

    target: str
    by: str
    version: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    refused: str = ""
    missing: str = ""
    estimated: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Samples:
    """What accuracy on a target is measured with: the test set, its task, and the metric when it is no accuracy."""

    dataset: Dataset
    task: Task
    scorer: Scorer | None = None
    measured: bool = True


def measure_target(
    target: Target, artifact: Artifact, samples: Samples, store: Store, running: Running = PLAIN
) -> TargetFacts:
    """Return what the .tflite file `artifact` is on `target`, or what the store has for these bytes and this target.

    `running` is how the suite runs the file: of a file that MNN runs, a target of MNN takes the settings. A file that
    the target refuses is an answer, and so is an extra that is not installed.
    """
    try:
        version, measure = _ways(target, artifact, samples, running)
    except ArtifactError as error:
        return TargetFacts(target=target.name, by=target.of, settings=settings_of(target), missing=str(error))
    about = {
        "target": _VERSION,
        "of": target.of,
        "version": version,
        "settings": settings_of(target),
        "artifact": artifact.sha256,
        **_circumstances(target, samples, running),
    }

    def make(path: Path) -> dict[str, Any]:
        found = _answer(target, version, measure)
        path.write_bytes(msgspec.json.encode(found))
        return about

    def read(path: Path) -> TargetFacts:
        return decode_json(path.read_bytes(), TargetFacts)

    try:
        entry = store.get(digest(about), make, "target.json", lambda path, old: about, read)
    except ArtifactError as error:  # a crash, or not done in time: said, and tried again the next time
        return TargetFacts(
            target=target.name, by=target.of, version=version, settings=settings_of(target), refused=str(error)
        )
    return dataclasses.replace(read(store.path(entry)), target=target.name)


def settings_of(target: Target) -> dict[str, Any]:
    """Return what a target sets beside its limits, without what is left to the runtime or compiler."""
    hidden = ("name", "limits", "variants", target.by)
    values = {one.name: getattr(target, one.name) for one in dataclasses.fields(target) if one.name not in hidden}
    return {name: value for name, value in values.items() if value != ""}


def _ways(
    target: Target, artifact: Artifact, samples: Samples, running: Running
) -> tuple[str, Callable[[], TargetFacts]]:
    """Return the version of what measures on `target`, and how. Raises ArtifactError when it is not installed."""
    if isinstance(target, MicroTarget):
        tflite_micro.need()
        return tflite_micro.version(), lambda: _on_micro(artifact, samples)
    if isinstance(target, VelaTarget):
        vela.need()
        return vela.version(), lambda: _by_vela(target, artifact)
    if isinstance(target, LiteRTTarget):
        return runtime_version(), lambda: _on_litert(target, artifact)
    if isinstance(target, MNNTarget):
        return mnn_target.need(), lambda: _in_mnn(target, artifact, samples, running)
    raise TypeError(f"{type(target).__name__} is no kind of target that is measured")


def _circumstances(target: Target, samples: Samples, running: Running) -> dict[str, Any]:
    """Return what else the figures on a target depend on."""
    found: dict[str, Any] = {}
    if isinstance(target, (MicroTarget, MNNTarget)):
        about = samples.scorer.about if samples.scorer else None
        found |= {"data": samples.dataset.digest, "task": samples.task, "measured": samples.measured, "scorer": about}
    if isinstance(target, MNNTarget):
        found["settings there"] = facts_of(mnn_target.running_there(running)).get("settings", {})
    if isinstance(target, (LiteRTTarget, MNNTarget)):
        found |= {"machine": platform.node(), "peak": _bounds(target, "peak_bytes")}
    return found


def _bounds(target: Target, metric: str) -> bool:
    return any(bound.of.metric == metric for bound in target.limits)


def _answer(target: Target, version: str, measure: Callable[[], TargetFacts]) -> TargetFacts:
    try:
        found = measure()
    except Refused as error:
        found = TargetFacts(target="", by=target.of, refused=str(error))
    return dataclasses.replace(found, by=target.of, version=version, settings=settings_of(target), target="")


def _on_micro(artifact: Artifact, samples: Samples) -> TargetFacts:
    runner = tflite_micro.MicroRunner(artifact.path)
    try:
        memory = runner.memory()
    finally:
        runner.close()
    figures = {"arena_bytes": float(memory.arena_bytes or 0), "flash_bytes": float(artifact.file_bytes)}
    if samples.measured:
        figures |= _quality(artifact, samples, _micro_outputs(artifact.path, samples.dataset.x_test))
    notes = [
        "flash_bytes is the model's file; the operators' code comes on top of it",
        f"arena_bytes is from {memory.how}; a microcontroller's pointers are smaller",
    ]
    least = memory.parts[tflite_micro.LEAST]
    if least > (memory.arena_bytes or 0):
        notes.append(f"with arena_bytes {memory.arena_bytes:,} it needs {least:,} for a moment, while it is prepared")
    return TargetFacts(target="", by="", figures=figures, parts=dict(memory.parts), notes=tuple(notes))


def _quality(artifact: Artifact, samples: Samples, outputs: Mapping[str, Any]) -> dict[str, float]:
    """Return accuracy, or the value of the suite's metric, by what a target computed of the test samples."""
    dataset = samples.dataset
    one = next(iter(outputs.values())) if len(outputs) == 1 else outputs
    if samples.scorer:
        scored = samples.scorer.from_outputs(dataset.y_test, one, inputs=dataset.x_test, groups=dataset.group_test)
        return {"score": float(scored.value)}
    if isinstance(one, Mapping):
        raise ArtifactError(
            f"{artifact.variant} has the outputs {', '.join(one)}; accuracy is of a model with one output"
        )
    return {"accuracy": float(np.mean(classify(one, samples.task) == dataset.y_test))}


def _micro_outputs(path: Path, x: Any) -> dict[str, Any]:
    total = count(x)
    found: dict[str, list[Any]] = {}
    with tflite_micro.opened(path, batch=min(total, _PART)) as runner:
        for begin in range(0, total, runner.batch):
            part = fit(take(x, slice(begin, begin + runner.batch)), runner.interface, "the data")
            rows = np.resize(np.arange(count(part)), runner.batch)  # the last call is filled up
            raw = runner.invoke(runner.prepare({name: array[rows] for name, array in part.items()}))
            for name, values in runner.outputs(raw).items():
                found.setdefault(name, []).append(values[: total - begin])
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _by_vela(target: VelaTarget, artifact: Artifact) -> TargetFacts:
    found = vela.estimate(
        artifact.path, target.accelerator, system_config=target.system_config, memory_mode=target.memory_mode
    )
    figures = {
        "sram_bytes": float(found.memory_bytes["sram"]),
        "flash_bytes": float(found.flash_bytes),
        "cycles": float(found.cycles),
        "npu_share": found.npu_share,
        "estimated_seconds": found.seconds,
    }
    left = tuple(dict.fromkeys(one.operator for one in found.fallbacks))
    if not found.npu_operators:
        why = next((one.reason for one in found.fallbacks if one.reason), "Vela does not say why")
        raise Refused(
            f"no operator runs on {target.accelerator}: {', '.join(left)} stay on the CPU ({why}); "
            'convert with mode = "int8" or "int16x8"'
        )
    notes = [f"Vela's estimates at {found.clock_hz / 1e6:g} MHz ({found.system_config}, {found.memory_mode})"]
    if left:
        told = "; ".join(f"{one.operator}{f' ({one.reason})' if one.reason else ''}" for one in found.fallbacks)
        notes.append(f"on the CPU, whose time is not in the estimate: {told}")
    return TargetFacts(
        target="", by="", figures=figures, parts=dict(found.memory_bytes), estimated=True, notes=tuple(notes)
    )


def _on_litert(target: LiteRTTarget, artifact: Artifact) -> TargetFacts:
    figures = {"flash_bytes": float(artifact.file_bytes)}
    if not _bounds(target, "peak_bytes"):
        return TargetFacts(target="", by="", figures=figures)
    peak = peak_memory(artifact.path, threads=target.threads)
    figures["peak_bytes"] = float(peak.bytes)
    note = f"peak_bytes is {peak.told}"
    ranges = {"peak_bytes": (float(min(peak.growth)), float(max(peak.growth)))}
    return TargetFacts(target="", by="", figures=figures, ranges=ranges, notes=(note,))


def _in_mnn(target: MNNTarget, artifact: Artifact, samples: Samples, running: Running) -> TargetFacts:
    def quality(outputs: Mapping[str, Any]) -> dict[str, float]:
        return _quality(artifact, samples, outputs)

    found = mnn_target.figures_of(
        target,
        artifact,
        running,
        samples.dataset.x_test,
        quality if samples.measured else None,
        peak=_bounds(target, "peak_bytes"),
    )
    return TargetFacts(target="", by="", **found)
