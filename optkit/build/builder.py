"""Build variants: walk each chain of stages, make what the store lacks, share what two chains have in common.

Law: a stage always starts from its parent's stored file, never from a model in memory, so that a cold build and a
resumed one give the same bytes.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.build.artifact import SILENT, Artifact, Progress, zipped_bytes
from optkit.build.entries import Entry
from optkit.build.own import activation_of, read_float_tflite, read_keras_model
from optkit.build.preflight import check_outputs, preflight
from optkit.build.stages import Stage, stages, weights_file
from optkit.build.store import Store
from optkit.convert import convert
from optkit.convert.from_tflite import convert_tflite
from optkit.data import Dataset
from optkit.data.dataset import count
from optkit.errors import BuildError, OptkitError
from optkit.keras.ending import Task
from optkit.keras.files import load_model, save_model
from optkit.keras.tensorflow import make_deterministic, silenced
from optkit.keras.weights import load_weights
from optkit.models import NETWORKS
from optkit.process.children import ended, run
from optkit.spec import Conversion, OwnModel, Step, Suite, Variant
from optkit.spec.keys import digest
from optkit.techniques import TECHNIQUES
from optkit.training.context import TrainingContext
from optkit.training.fit import fit

_OUTPUTS_VERSION = 1
_DEFECT = 4  # the exit code of a defect


class PreflightWarning(UserWarning):
    """Something about a recipe and its network that is worth knowing, but stops nothing."""


@dataclass(frozen=True)
class _Build:
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
        if (entry := _find(store, last)) and not any(store.damage(above.key) for above in _above(last)):
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
    (PreflightWarning) of what a recipe may not do well. Raises BuildError when a recipe cannot handle its network
    or a stage fails, StoreError when the store cannot be used.
    """
    build = _Build(suite, dataset, store, progress, log_dir)
    found: dict[str, Artifact] = {}
    for variant in variants:
        last = stages(suite, variant, dataset.digest)
        _check_recipe(build, variant, last)
        for above in _above(last):
            if store.damage(above.key):  # else nothing would say so where the last stage is whole
                _ensure(build, above)
        found[variant.name] = _artifact(variant, last, _ensure(build, last), store)
    return found


def ensure_variants(
    suite: Suite, variants: Sequence[Variant], dataset: Dataset, store: Store, data: str
) -> dict[str, Artifact]:
    """Return the artifacts of `variants`, building what the store lacks with `optkit build` in a process of its own.

    So the caller's process imports no TensorFlow and keeps its seeds. Progress goes to this process' standard
    error. Raises BuildError with what the other process said when it fails.
    """
    found = find_variants(suite, variants, dataset, store)
    if missing := [variant.name for variant in variants if variant.name not in found]:
        command = ["-m", "optkit", "build", suite.source, "--json", "--variants", ",".join(missing)]
        command += ["--data", data, "--store", str(store.root)]
        command += ["--allow", ",".join(suite.allowed)] if suite.allowed else []
        done = run(command, stdout=subprocess.PIPE)
        if done.returncode == _DEFECT:  # of optkit, there as here
            raise RuntimeError(_reason(done.returncode, done.stdout).removeprefix("defect: "))
        if done.returncode:
            raise BuildError(_reason(done.returncode, done.stdout))
        found = find_variants(suite, variants, dataset, store)
    if missing := [variant.name for variant in variants if variant.name not in found]:
        raise BuildError(
            f"{', '.join(missing)} did not stay in the store {store.root}; is another process emptying it?"
        )
    return {variant.name: found[variant.name] for variant in variants}


def _reason(code: int, said: str) -> str:
    """Return the error that a build in another process printed as JSON, or how that process ended."""
    try:
        return str(json.loads(said)["error"])
    except (ValueError, TypeError, KeyError):
        return f"the process that builds {ended(code)}; what it has stored is kept: run the same command again"


def _check_recipe(build: _Build, variant: Variant, last: Stage) -> None:
    """Raise BuildError with what `variant`'s recipe cannot handle, if any of its training is still to be done."""
    trained = last.parent if variant.conversion and last.parent else last
    work = variant.steps or variant.conversion or variant.training.epochs
    own = isinstance(variant.network, OwnModel)
    if not work or _find(build.store, trained) or (own and not variant.steps):
        return
    task = build.suite.workload.task
    known: Task | None = None
    if task == "binary" or (task == "multiclass" and not own):  # the loss follows what the user's own model ends in
        known = task
    with silenced():
        make_deterministic(build.suite.workload.seed)
        network = _network(build.suite, variant)
        findings = preflight(
            network,
            variant.steps,
            variant.conversion,
            task=known,
            training=variant.training,
            reconstructs=task == "reconstruction",
        )
        for name in dict.fromkeys(name for step in variant.steps for name in step.needs()):
            teacher = build.suite.variant(name)
            if teacher.network != variant.network:
                teaching = _network(build.suite, teacher)
                findings += check_outputs(teaching, known, f"teacher {name!r}") if known else ()
    if errors := [str(finding) for finding in findings if finding.level == "error"]:
        raise BuildError(f"variant {variant.name!r} cannot be built: {'; '.join(errors)}")
    for finding in findings:
        warnings.warn(f"variant {variant.name!r}: {finding}", PreflightWarning, stacklevel=3)


def _network(suite: Suite, variant: Variant) -> Any:
    """Return the network that `variant` starts from: untrained, or the user's own as it is."""
    if isinstance(variant.network, OwnModel):
        return read_keras_model(suite, variant.network)
    return NETWORKS[variant.network.name].build(**variant.network.params)


def _ensure(build: _Build, stage: Stage) -> Entry:
    store = build.store
    if entry := _find(store, stage):
        return entry
    parent = store.path(_ensure(build, stage.parent)) if stage.parent else None
    augments = bool(getattr(stage.work, "augmentation", ()))
    outputs = {name: _outputs(build, need) for name, need in stage.needs.items() if not augments}
    models = {name: store.path(_ensure(build, need)) for name, need in stage.needs.items() if augments}
    notes: list[str] = []

    def make(path: Path) -> Mapping[str, Any]:
        build.progress.begin(stage.label)
        context = TrainingContext(
            x=build.dataset.x_train,
            y=build.dataset.y_train,
            task=build.suite.workload.known_task,
            on_epoch=build.progress.epoch,
            outputs=outputs,
            note=lambda text: notes.append(f"{stage.label}: {text}"),
            log_dir=build.log_dir / f"{stage.label}-{stage.key[:8]}" if build.log_dir else None,
            models=models,
            seed=build.suite.workload.seed,
            checkpoints=store.scratch(stage.key),
            activation=_activation(build.suite, stage) if isinstance(stage.work, Step) else None,
        )
        try:
            with silenced() if stage.needs_tensorflow else contextlib.nullcontext():
                if stage.needs_tensorflow:
                    make_deterministic(build.suite.workload.seed)
                _run(build.suite, stage, parent, path, context)
        except (OptkitError, OSError):
            raise
        except Exception as error:
            raise BuildError(f"stage {stage.label!r} failed: {type(error).__name__}: {error}") from error
        finally:
            build.progress.end(stage.label)
        return _about(stage, path, notes)

    return store.get(stage.key, make, stage.file, lambda path, old: _about(stage, path, old.get("notes")))


def _activation(suite: Suite, stage: Stage) -> str | None:
    """Return what the user's own model ends in, where the chain of `stage` starts from one."""
    first = _above(stage)[-1].work
    return activation_of(suite, first) if isinstance(first, OwnModel) else None


def _find(store: Store, stage: Stage) -> Entry | None:
    return store.find(stage.key, lambda path, old: _about(stage, path, old.get("notes")))


def _about(stage: Stage, path: Path, notes: Any) -> dict[str, Any]:
    """Return what is kept beside the file of `stage`. `notes` may be of an entry that nothing vouches for."""
    lines = [str(note) for note in notes] if isinstance(notes, list) else []
    return {"label": stage.label, "spec": stage.spec, "zip_bytes": zipped_bytes(path), "notes": lines}


def _above(stage: Stage) -> list[Stage]:
    """Return the stages that lead to `stage`, the nearest first."""
    return [stage.parent, *_above(stage.parent)] if stage.parent else []


def _outputs(build: _Build, stage: Stage) -> npt.NDArray[np.float32]:
    """Return what the model of `stage` gives for the training samples, computed once and kept in the store."""
    model_path = build.store.path(_ensure(build, stage))
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


def _run(suite: Suite, stage: Stage, parent: Path | None, path: Path, context: TrainingContext) -> None:
    if isinstance(stage.work, OwnModel):
        if path.suffix == ".tflite":
            path.write_bytes(read_float_tflite(suite, stage.work))
        else:
            save_model(read_keras_model(suite, stage.work), path)
    elif parent is None:
        assert isinstance(stage.work, tuple)
        network, training = stage.work
        model = NETWORKS[network.name].build(**network.params)
        if training.weights:
            load_weights(model, weights_file(suite, training))
        fit(model, training, context)
        save_model(model, path)
    elif isinstance(stage.work, Conversion):
        if parent.suffix == ".tflite":
            name = stage.parent.work.name if stage.parent and isinstance(stage.parent.work, OwnModel) else str(parent)
            path.write_bytes(convert_tflite(parent.read_bytes(), stage.work, context.x, name=name))
        else:
            path.write_bytes(convert(load_model(parent), stage.work, context.x))
    else:
        assert isinstance(stage.work, Step)
        technique = TECHNIQUES[stage.work.technique]
        save_model(technique.apply(load_model(parent), stage.work, context), path)


def _artifact(variant: Variant, stage: Stage, entry: Entry, store: Store) -> Artifact:
    chain = [_find(store, above) for above in _above(stage)]
    keras = stage.parent is not None and stage.parent.file == "model.h5"
    source = chain[0] if variant.conversion and keras else None
    notes = [note for found in (*reversed(chain), entry) if found for note in found.about.get("notes", ())]
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
