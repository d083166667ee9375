"""Build variants: walk each chain of stages, train what the store lacks, share what two chains have in common.

Law: a stage's key says everything its bytes depend on. A stage always starts from its parent's stored file, never
from a model in memory, so that a cold build and a resumed one give the same bytes.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from optkit.convert import QUANTIZER_LIBRARIES, convert
from optkit.data import DataMode, Dataset
from optkit.errors import BuildError, OptkitError
from optkit.models import NETWORKS
from optkit.preflight import preflight
from optkit.spec import KEY_SCHEMA, Conversion, Network, Step, Suite, Training, Variant, canonical, digest
from optkit.store import Entry, Store
from optkit.techniques import TECHNIQUES, TrainingContext, fit
from optkit.techniques.saved import load_model, save_model
from optkit.tensorflow import make_deterministic, silenced

LIBRARIES = ("tensorflow", "tf_keras", "tensorflow-model-optimization", "numpy")
"""The libraries whose versions are part of every key."""
_OUTPUTS_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """One built variant on disk. `source` is the Keras file that a .tflite file was converted from."""

    variant: str
    kind: Literal["keras", "tflite"]
    path: Path
    key: str
    sha256: str
    file_bytes: int
    zip_bytes: int
    spec: dict[str, Any]
    source: Path | None = None


@dataclass(frozen=True)
class Progress:
    """Told of what a build does: a stage begins, an epoch ends, a stage is stored."""

    begin: Callable[[str], None]
    epoch: Callable[[int, int, dict[str, float]], None]
    end: Callable[[str], None]


SILENT = Progress(begin=lambda stage: None, epoch=lambda epoch, epochs, logs: None, end=lambda stage: None)


@dataclass(frozen=True)
class Stage:
    """One node of the build graph: what is done (`work`), to the result of `parent`, under which key."""

    label: str
    key: str
    file: str
    work: tuple[Network, Training] | Step | Conversion
    parent: Stage | None
    needs: dict[str, Stage]
    spec: dict[str, Any]


def stages(suite: Suite, variant: Variant, data_digest: str) -> Stage:
    """Return the last stage of `variant`; its parents lead back to the training of the network."""
    workload = suite.workload
    base = {
        "schema": KEY_SCHEMA,
        "data": data_digest,
        "task": workload.task,
        "seed": workload.seed,
        "libraries": library_versions(),
        "network": {**canonical(variant.network), "version": NETWORKS[variant.network.name].version},
        "training": canonical(variant.training),
    }
    chain: list[Any] = []

    def stage(label: str, file: str, work: Any, parent: Stage | None, needs: dict[str, Stage] | None = None) -> Stage:
        spec = {**base, "steps": list(chain)}
        return Stage(label, digest(spec), file, work, parent, needs or {}, spec)

    last = stage(f"train {variant.network.name}", "model.h5", (variant.network, variant.training), None)
    for step in variant.steps:
        needs = {name: _keras_stage(suite, name, data_digest) for name in step.needs()}
        chain.append({**canonical(step), **({"needs": {n: s.key for n, s in needs.items()}} if needs else {})})
        last = stage(step.technique, "model.h5", step, last, needs)
    if variant.conversion:
        extra = {"libraries": library_versions(QUANTIZER_LIBRARIES)} if variant.conversion.uses_quantizer else {}
        chain.append({"conversion": canonical(variant.conversion), **extra})
        last = stage(f"convert to {variant.conversion.mode}", "model.tflite", variant.conversion, last)
    return last


def _keras_stage(suite: Suite, name: str, data_digest: str) -> Stage:
    return stages(suite, dataclasses.replace(suite.variant(name), conversion=None), data_digest)


def library_versions(names: Sequence[str] = LIBRARIES) -> dict[str, str]:
    """Return the installed versions of `names` without importing them. Raises BuildError when one is missing."""
    try:
        return {name: importlib.metadata.version(name) for name in names}
    except importlib.metadata.PackageNotFoundError as error:
        raise BuildError(f"{error.name} is not installed; pip install 'optkit[train]'") from error


def find_variants(suite: Suite, variants: Sequence[Variant], dataset: Dataset, store: Store) -> dict[str, Artifact]:
    """Return the artifacts of those `variants` that the store already holds, whole. Imports no TensorFlow."""
    found: dict[str, Artifact] = {}
    for variant in variants:
        last = stages(suite, variant, dataset.digest)
        if entry := store.find(last.key):
            found[variant.name] = _artifact(variant, last, entry, store)
    return found


def build_variants(
    suite: Suite, variants: Sequence[Variant], dataset: Dataset, store: Store, progress: Progress = SILENT
) -> dict[str, Artifact]:
    """Build what the store lacks of `variants` and return all their artifacts by variant name.

    Seeds Python, numpy and TensorFlow and turns op determinism on in this process. Raises BuildError when a stage
    fails, StoreError when the store cannot be used.
    """
    found: dict[str, Artifact] = {}
    for variant in variants:
        last = stages(suite, variant, dataset.digest)
        _check_recipe(suite, variant, last, store)
        entry = _ensure(suite, last, dataset, store, progress)
        found[variant.name] = _artifact(variant, last, entry, store)
    return found


def ensure_variants(
    suite: Suite, variants: Sequence[Variant], dataset: Dataset, store: Store, data_mode: DataMode
) -> dict[str, Artifact]:
    """Return the artifacts of `variants`, building what the store lacks with `optkit build` in a process of its own.

    So the caller's process imports no TensorFlow and keeps its seeds. Progress goes to this process' standard
    error. Raises BuildError with what the other process said when it fails.
    """
    found = find_variants(suite, variants, dataset, store)
    if missing := [variant.name for variant in variants if variant.name not in found]:
        source = str(suite.path) if suite.path else suite.name
        command = [sys.executable, "-m", "optkit", "build", source, "--json", "--variants", ",".join(missing)]
        command += ["--data", data_mode, "--store", str(store.root)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            reason = json.loads(done.stdout)["error"] if done.stdout else f"exit code {done.returncode}"
            raise BuildError(reason)
        found = find_variants(suite, variants, dataset, store)
    if missing := [variant.name for variant in variants if variant.name not in found]:
        raise BuildError(
            f"{', '.join(missing)} did not stay in the store {store.root}; is another process emptying it?"
        )
    return {variant.name: found[variant.name] for variant in variants}


def _check_recipe(suite: Suite, variant: Variant, last: Stage, store: Store) -> None:
    """Raise BuildError with what `variant`'s recipe cannot handle, if any of its training is still to be done."""
    trained = last.parent if variant.conversion and last.parent else last
    if not (variant.steps or variant.conversion) or store.find(trained.key):
        return
    with silenced():
        make_deterministic(suite.workload.seed)
        network = NETWORKS[variant.network.name].build(**variant.network.params)
        findings = preflight(network, variant.steps, variant.conversion)
    if errors := [str(finding) for finding in findings if finding.level == "error"]:
        raise BuildError(f"variant {variant.name!r} cannot be built: {'; '.join(errors)}")


def _ensure(suite: Suite, stage: Stage, dataset: Dataset, store: Store, progress: Progress) -> Entry:
    if entry := store.find(stage.key):
        return entry
    parent = store.path(_ensure(suite, stage.parent, dataset, store, progress)) if stage.parent else None
    outputs = {name: _outputs(suite, need, dataset, store, progress) for name, need in stage.needs.items()}

    def make(path: Path) -> Mapping[str, Any]:
        progress.begin(stage.label)
        try:
            with silenced():
                _run(suite, stage, parent, path, dataset, outputs, progress)
        except (OptkitError, OSError):
            raise
        except Exception as error:
            raise BuildError(f"stage {stage.label!r} failed: {type(error).__name__}: {error}") from error
        finally:
            progress.end(stage.label)
        return {"label": stage.label, "spec": stage.spec, "zip_bytes": zipped_bytes(path)}

    return store.get(stage.key, make, stage.file)


def _outputs(suite: Suite, stage: Stage, dataset: Dataset, store: Store, progress: Progress) -> npt.NDArray[np.float32]:
    """Return what the model of `stage` gives for the training samples, computed once and kept in the store."""
    model_path = store.path(_ensure(suite, stage, dataset, store, progress))
    about = {"outputs": _OUTPUTS_VERSION, "model": stage.key, "data": dataset.digest}

    def make(path: Path) -> Mapping[str, Any]:
        with silenced():
            make_deterministic(suite.workload.seed)
            np.save(
                path,
                load_model(model_path).predict(dataset.x_train, batch_size=256, verbose=0),
                allow_pickle=False,
            )
        return about

    return np.asarray(
        np.load(store.path(store.get(digest(about), make, "outputs.npy")), allow_pickle=False), np.float32
    )


def _run(
    suite: Suite,
    stage: Stage,
    parent: Path | None,
    path: Path,
    dataset: Dataset,
    outputs: Mapping[str, npt.NDArray[np.float32]],
    progress: Progress,
) -> None:
    make_deterministic(suite.workload.seed)
    context = TrainingContext(dataset.x_train, dataset.y_train, suite.workload.task, progress.epoch, outputs)
    if parent is None:
        assert isinstance(stage.work, tuple)
        network, training = stage.work
        model = NETWORKS[network.name].build(**network.params)
        fit(model, training, context, optimizer=training.optimizer)
        save_model(model, path)
    elif isinstance(stage.work, Conversion):
        path.write_bytes(convert(load_model(parent), stage.work, dataset.x_train))
    else:
        assert isinstance(stage.work, Step)
        technique = TECHNIQUES[stage.work.technique]
        save_model(technique.apply(load_model(parent), stage.work, context), path)


def _artifact(variant: Variant, stage: Stage, entry: Entry, store: Store) -> Artifact:
    source = store.find(stage.parent.key) if variant.conversion and stage.parent else None
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
    )


def zipped_bytes(path: Path) -> int:
    """Return the size in bytes of a ZIP (deflate) archive that holds the one file at `path`.

    The name and date inside are fixed, so that the size depends on the content alone.
    """
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(zipfile.ZipInfo("model"), path.read_bytes(), compress_type=zipfile.ZIP_DEFLATED)
    return len(archive.getvalue())
