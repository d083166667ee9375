"""What a file is in MNN on this machine: the .mnn file that is shipped, what a session holds, and what it computes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from optkit.build.artifact import Artifact
from optkit.convert.mnn import refusal
from optkit.convert.mnn_session import mnn_version
from optkit.errors import ArtifactError, BuildError, OptkitError
from optkit.measure.memory import Peak, peak_memory_mnn
from optkit.process.temporary import temporary_folder
from optkit.runtime.chosen import loader, shipped_file
from optkit.runtime.micro_says import Refused
from optkit.runtime.mnn import input_shapes
from optkit.runtime.registry import RUNTIMES, make_settings
from optkit.runtime.samples import run_samples
from optkit.spec.running import Running
from optkit.spec.target import MNNTarget
from optkit.tflite.interface import read_interface
from optkit.tflite.verify import verify_file

_NAME = MNNTarget.of
Quality = Callable[[Any], dict[str, float]]
"""What outputs, by name, are worth: accuracy or another score."""


def need() -> str:
    """Return MNN's version. Raises ArtifactError, which names the extra, when it is not installed."""
    RUNTIMES[_NAME].need()
    return mnn_version()


def running_there(running: Running) -> Running:
    """Return how a variant's file is run in MNN: as the variant says when MNN runs it, else with MNN's defaults."""
    return running if running.runtime == _NAME else Running(runtime=_NAME)


def figures_of(
    target: MNNTarget, artifact: Artifact, running: Running, x: Any, quality: Quality | None, *, peak: bool
) -> dict[str, Any]:
    """Return the figures, parts, ranges and notes of `TargetFacts`. Raises Refused, and ArtifactError for a crash."""
    if reason := refusal(verify_file(artifact.path), artifact.variant):
        raise Refused(reason)
    try:
        return _figures(target, artifact, running_there(running), x, quality, peak=peak)
    except BuildError as error:
        raise Refused(str(error)) from error
    except ArtifactError:
        raise
    except OptkitError as error:
        raise ArtifactError(str(error)) from error


def _figures(
    target: MNNTarget, artifact: Artifact, running: Running, x: Any, quality: Quality | None, *, peak: bool
) -> dict[str, Any]:
    content = shipped_file(artifact.path, running)
    assert content is not None  # MNN ships another file than it is given
    load = loader(running)
    batch = read_interface(artifact.path).batch or 1
    runner = load(artifact.path, threads=target.threads, batch=batch)
    memory = runner.memory()
    runner.close()
    figures = {"arena_bytes": float(memory.arena_bytes or 0), "flash_bytes": float(len(content))}
    found: dict[str, Any] = {"figures": figures, "parts": dict(memory.parts)}
    notes = [f"{running.name}; flash_bytes is the .mnn file", f"arena_bytes is {memory.how}"]
    if peak:
        grown = _peak(target, artifact.path, running, content, batch)
        figures["peak_bytes"] = float(grown.bytes)
        found["ranges"] = {"peak_bytes": (float(min(grown.growth)), float(max(grown.growth)))}
        notes.append(f"peak_bytes is {grown.told}")
    if quality:
        figures |= quality(run_samples(artifact.path, x, threads=target.threads, load=load))
    return {**found, "notes": tuple(notes)}


def _peak(target: MNNTarget, path: Path, running: Running, content: bytes, batch: int) -> Peak:
    settings = make_settings(RUNTIMES[_NAME], running.settings if not isinstance(running.settings, str) else {})
    shapes = input_shapes(read_interface(path), batch, {})
    with temporary_folder("mnn") as folder:
        place = folder / "model.mnn"
        place.write_bytes(content)
        return peak_memory_mnn(place, shapes=shapes, threads=target.threads, batch=batch, precision=settings.precision)
