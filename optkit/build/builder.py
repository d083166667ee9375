"""Build variants: walk each chain of stages, make what the store lacks, share what two chains have in common.

Law: a stage always starts from its parent's stored file, never from a model in memory, so that a cold build and a
resumed one give the same bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.build.artifact import SILENT, Artifact, Progress, zipped_bytes
from optkit.build.entries import Entry
from optkit.build.preflight import check_chain
from optkit.build.stage import KERAS, TFLITE, Stage
from optkit.build.stages import stages
from optkit.build.store import Store
from optkit.data import Dataset
from optkit.data.dataset import count
from optkit.errors import QUIET_ERRORS, BuildError, OptkitError
from optkit.keras.files import load_model
from optkit.keras.tensorflow import make_deterministic, silenced
from optkit.process.children import ended, own_code, run
from optkit.spec import Suite, Variant
from optkit.spec.keys import digest
from optkit.training.context import TrainingContext

_OUTPUTS_VERSION = 1
_DEFECT = 4  # the exit code of a defect


class PreflightWarning(UserWarning):
    """Something about a recipe and its network that is worth knowing, but stops nothing."""


@dataclass(frozen=True)
class Build:
    """What every stage of a build needs. `log_dir`: where pruning logs for TensorBoard, if anywhere."""

    suite: Suite
    dataset: Dataset
    store: Store
    progress: Progress
    log_dir: Path | None


def find_variants(suite: Suite, variants: Sequence[Variant], dataset: Dataset, store: Store) -> dict[str, Artifact]:
    """Return the artifacts of those `variants` that the store already holds, whole. Imports no TensorFlow."""
    found: dict[str, Artifact] = {}
    for variant in variants:
        last = stages(suite, variant, dataset.digest)
        if (entry := _find(store, last)) and not any(store.damage(above.key) for above in last.chain[:-1]):
            found[variant.name] = _artifact(variant, last, entry, store)
    return found


def build_variants(
    suite: Suite,
    variants: Sequence[Variant],
    dataset: Dataset,
    store: Store,
    progress: Progress = SILENT,
    log_dir: Path | None = None,
) -> dict[str, Artifact]:
    """Build what the store lacks of `variants` and return all their artifacts by variant name.

    Seeds Python, numpy and TensorFlow and turns op determinism on in this process. With `log_dir`, pruning that is
    carried out (not found in the store) logs thresholds and sparsity of each layer there for TensorBoard. Warns
    (PreflightWarning) of what a recipe may not do well. Raises BuildError when a recipe cannot handle its network,
    before any stage is made, or a stage fails, StoreError when the store cannot be used.
    """
    build = Build(suite, dataset, store, progress, log_dir)
    lasts = {variant.name: stages(suite, variant, dataset.digest) for variant in variants}
    checked: set[str] = set()
    for variant in variants:  # all of them before the first is built: that may take hours
        last = lasts[variant.name]
        if (trained := _trained(variant, last).key) not in checked:
            checked.add(trained)
            for line in check_recipe(build, variant, last):
                warnings.warn(line, PreflightWarning, stacklevel=2)
    found: dict[str, Artifact] = {}
    for variant in variants:
        last = lasts[variant.name]
        for above in last.chain[:-1]:
            if store.damage(above.key):  # else nothing would say so where the last stage is whole
                make_stage(build, above)
        found[variant.name] = _artifact(variant, last, make_stage(build, last), store)
    return found


def ensure_variants(
    suite: Suite,
    variants: Sequence[Variant],
    dataset: Dataset,
    store: Store,
    data: str,
    workers: int = 1,
    cluster: str | None = None,
) -> dict[str, Artifact]:
    """Return the artifacts of `variants`, building what the store lacks with `optkit build` in a process of its own.

    With several `workers` that has as many processes to build with; with the address of a `cluster` it builds there.

    So the caller's process imports no TensorFlow and keeps its seeds. Progress goes to this process' standard
    error. Raises BuildError with what the other process said when it fails.
    """
    found = find_variants(suite, variants, dataset, store)
    if missing := [variant.name for variant in variants if variant.name not in found]:
        command = ["build", suite.source, "--json", "--variants", ",".join(missing)]
        command += ["--data", data, "--store", store.place, "--workers", str(workers)]
        command += ["--allow", ",".join(suite.allowed)] if suite.allowed else []
        command += ["--cluster", cluster] if cluster else []
        done = run(own_code("optkit.cli", *command), stdout=subprocess.PIPE, env={**os.environ, QUIET_ERRORS: "1"})
        if done.returncode == _DEFECT:  # of optkit, there as here
            raise RuntimeError(_reason(done.returncode, done.stdout).removeprefix("defect: "))
        if done.returncode:
            raise BuildError(_reason(done.returncode, done.stdout))
        found = find_variants(suite, variants, dataset, store)
    if missing := [variant.name for variant in variants if variant.name not in found]:
        raise BuildError(
            f"{', '.join(missing)} did not stay in the store {store.place}; is another process emptying it?"
        )
    return {variant.name: found[variant.name] for variant in variants}


def _reason(code: int, said: str) -> str:
    """Return the error that a build in another process printed as JSON, or how that process ended."""
    try:
        return str(json.loads(said)["error"])
    except (ValueError, TypeError, KeyError):
        return f"the process that builds {ended(code)}; what it has stored is kept: run the same command again"


def check_recipe(build: Build, variant: Variant, last: Stage) -> list[str]:
    """Return what is worth knowing of `variant`'s recipe, a line each, if any of its training is still to be done.

    Raises BuildError with what the recipe cannot handle.
    """
    trained = _trained(variant, last)
    if not trained.needs_tensorflow or _find(build.store, trained):
        return []
    with silenced():
        make_deterministic(build.suite.workload.seed)
        findings = check_chain(last, variant, build.suite.workload.task, build.dataset)
    if errors := [str(finding) for finding in findings if finding.level == "error"]:
        raise BuildError(f"variant {variant.name!r} cannot be built: {'; '.join(errors)}")
    return [f"variant {variant.name!r}: {finding}" for finding in findings]


def _trained(variant: Variant, last: Stage) -> Stage:
    """Return the stage whose model a variant's conversion takes; the last when it has none."""
    return last.parent if variant.conversion and last.parent else last


def make_stage(build: Build, stage: Stage) -> Entry:
    """Return the stored model of `stage`, made now if the store lacks it, after what it is made of."""
    store = build.store
    if entry := _find(store, stage):
        return entry
    source = store.path(make_stage(build, stage.parent)) if stage.parent else None
    notes: list[str] = []
    context = _context(build, stage, notes)

    def make(path: Path) -> Mapping[str, Any]:
        resumed = store.scratch(stage.key).exists()  # then a part of the work was done before
        began = time.perf_counter()
        build.progress.begin(stage.label)
        try:
            with silenced() if stage.needs_tensorflow else contextlib.nullcontext():
                if stage.needs_tensorflow:
                    make_deterministic(build.suite.workload.seed)
                given = stage.parent.form.load(source) if stage.parent and source else None
                stage.form.save(stage.make(given, context), path)
        except (OptkitError, OSError):
            raise
        except Exception as error:
            raise BuildError(f"stage {stage.label!r} failed: {type(error).__name__}: {error}") from error
        finally:
            build.progress.end(stage.label)
        took = {} if resumed else {"seconds": round(time.perf_counter() - began, 3)}
        return {**_about(stage, path, notes), **took}

    return store.get(stage.key, make, stage.form.file, lambda path, old: _about(stage, path, old.get("notes")))


def _context(build: Build, stage: Stage, notes: list[str]) -> TrainingContext:
    """Return what `stage` may use besides its parent's model. What it has to say of its result is added to `notes`."""
    augments = bool(stage.recipe and stage.recipe.augmentation)
    outputs = {name: _outputs(build, need) for name, need in stage.needs.items() if not augments}
    models = {name: build.store.path(make_stage(build, need)) for name, need in stage.needs.items() if augments}
    return TrainingContext(
        x=build.dataset.x_train,
        y=build.dataset.y_train,
        task=build.suite.workload.known_task,
        on_epoch=build.progress.epoch,
        outputs=outputs,
        note=lambda text: notes.append(f"{stage.label}: {text}"),
        log_dir=build.log_dir / f"{stage.label}-{stage.key[:8]}" if build.log_dir else None,
        models=models,
        seed=build.suite.workload.seed,
        checkpoints=build.store.scratch(stage.key),
        activation=stage.parent.activation() if stage.parent else None,
    )


def _find(store: Store, stage: Stage) -> Entry | None:
    return store.find(stage.key, lambda path, old: _about(stage, path, old.get("notes")))


def _about(stage: Stage, path: Path, notes: Any) -> dict[str, Any]:
    """Return what is kept beside the file of `stage`. `notes` may be of an entry that nothing vouches for."""
    lines = [str(note) for note in notes] if isinstance(notes, list) else []
    return {"label": stage.label, "spec": stage.spec, "zip_bytes": zipped_bytes(path), "notes": lines}


def _outputs(build: Build, stage: Stage) -> npt.NDArray[np.float32]:
    """Return what the model of `stage` gives for the training samples, computed once and kept in the store."""
    model_path = build.store.path(make_stage(build, stage))
    about = {"outputs": _OUTPUTS_VERSION, "model": stage.key, "data": build.dataset.digest}

    def make(path: Path) -> Mapping[str, Any]:
        with silenced():
            make_deterministic(build.suite.workload.seed)
            outputs = load_model(model_path).predict(build.dataset.x_train, batch_size=256, verbose=0)
        np.save(path, outputs, allow_pickle=False)
        return about

    def read(path: Path) -> npt.NDArray[np.float32]:
        found = np.load(path, allow_pickle=False)
        if found.ndim != 2 or len(found) != count(build.dataset.x_train) or found.dtype.kind != "f":
            raise ValueError(f"{found.dtype} of shape {found.shape}; expected a row of floats a training sample")
        return np.asarray(found, np.float32)

    entry = build.store.get(digest(about), make, "outputs.npy", lambda path, old: about, read)
    return read(build.store.path(entry))


def _artifact(variant: Variant, stage: Stage, entry: Entry, store: Store) -> Artifact:
    above = [_find(store, one) for one in stage.chain[:-1]]
    converted = stage.form is TFLITE and stage.parent is not None and stage.parent.form is KERAS
    source = above[-1] if converted else None
    notes = [note for found in (*above, entry) if found for note in found.about.get("notes", ())]
    return Artifact(
        variant=variant.name,
        kind=variant.kind,
        path=store.path(entry),
        key=entry.key,
        sha256=entry.sha256,
        file_bytes=entry.bytes,
        zip_bytes=int(entry.about["zip_bytes"]),
        spec=stage.spec,
        source=store.path(source) if source else None,
        notes=tuple(notes),
    )
