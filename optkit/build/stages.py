"""The build graph: each variant as a chain of stages, each with the key that says all its bytes depend on.

Law: two chains share a stage exactly when everything up to it is the same.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optkit.build.own import TFLITE_LIBRARIES, is_trained_further, spec_of
from optkit.build.stage import TFLITE, Apply, Convert, ConvertTflite, Read, ReadTflite, Stage, Train, made_by
from optkit.convert import QUANTIZER_LIBRARIES
from optkit.errors import BuildError
from optkit.files.regular import open_file
from optkit.models import NETWORKS
from optkit.spec import Conversion, OwnModel, Suite, Training, Variant
from optkit.spec.keys import KEY_SCHEMA, canonical, file_sha256

LIBRARIES = ("tensorflow", "tf_keras", "tensorflow-model-optimization", "numpy")
"""The libraries whose versions are part of every key."""
_ALGORITHM_VERSIONS = {"gptq": 3, "oscar": 2}
"""gptq 1 left 1x1 convolutions as they were; before these, a layer after a pooling or a reshape lost its statistics."""


def stages(suite: Suite, variant: Variant, data_digest: str) -> Stage:
    """Return the last stage of `variant`; its parents lead back to the training of the network."""
    workload = suite.workload
    spec = {"schema": KEY_SCHEMA, "data": data_digest, "task": workload.task, "seed": workload.seed}
    own = variant.network.own
    last = _read(suite, variant, own, spec) if own else _train(suite, variant, spec)
    for step in variant.steps:
        needs = {name: _keras_stage(suite, name, data_digest) for name in step.needs()}
        said = {"needs": {name: stage.key for name, stage in needs.items()}} if needs else {}
        spec = _with(last.spec, {**canonical(step), **said})
        last = Apply(label=step.technique, spec=spec, parent=last, needs=needs, step=step)
    return _converted(last, variant.conversion, variant.network.name) if variant.conversion else last


def _train(suite: Suite, variant: Variant, spec: dict[str, Any]) -> Stage:
    network, training = variant.network, variant.training
    weights = weights_file(suite, training) if training.weights else None
    said = canonical(training)
    if weights:  # what the file holds, not where it is
        said["weights"] = file_sha256(weights)
    about = {**canonical(network), "version": NETWORKS[network.name].version}
    spec = {**spec, "libraries": library_versions(), "network": about, "training": said, "steps": []}
    return Train(label=f"train {network.name}", spec=spec, source=network, training=training, weights=weights)


def _read(suite: Suite, variant: Variant, model: OwnModel, spec: dict[str, Any]) -> Stage:
    further = is_trained_further(variant)
    spec = {
        **spec,
        "libraries": library_versions(TFLITE_LIBRARIES if model.is_tflite else LIBRARIES),
        "model": spec_of(suite, model, as_keras=further and not model.is_tflite),
        "steps": [],
    }
    label = f"read {model.name}"
    if further:
        return Read(label=label, spec=spec, source=model, suite=suite)
    return ReadTflite(label=label, spec=spec, source=model, suite=suite)


def _converted(last: Stage, conversion: Conversion, name: str) -> Stage:
    """Return the stage that converts the model of `last`, of the network or file called `name`."""
    label, given = f"convert to {conversion.mode}", last.form is TFLITE
    grid = conversion.integer_weights and any("grid" in made_by(stage) for stage in last.chain)
    quantizer = given or conversion.uses_quantizer or grid
    extra: dict[str, Any] = {"libraries": library_versions(QUANTIZER_LIBRARIES)} if quantizer else {}
    if conversion.algorithm in _ALGORITHM_VERSIONS:
        extra[conversion.algorithm] = _ALGORITHM_VERSIONS[conversion.algorithm]
    spec = _with(last.spec, {"conversion": canonical(conversion), **extra})
    if given:
        return ConvertTflite(label=label, spec=spec, parent=last, conversion=conversion, name=name)
    return Convert(label=label, spec=spec, parent=last, conversion=conversion)


def _with(spec: Mapping[str, Any], step: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a key says of a stage that does `step` after what `spec` says."""
    return {**spec, "steps": [*spec["steps"], step]}


def weights_file(suite: Suite, training: Training) -> Path:
    """Return the file that `training.weights` names: relative to the suite file, or for a built-in suite, to here.

    Raises BuildError when there is no such file.
    """
    path = suite.folder / training.weights
    try:
        open_file(path).close()
    except FileNotFoundError:
        raise BuildError(
            f"weights {training.weights!r}: there is no file {path.absolute()}; name a .npz, .keras or .h5"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BuildError(
            f"weights {training.weights!r} cannot be read ({reason}); name a .npz, .keras or .h5"
        ) from error
    return path


def _keras_stage(suite: Suite, name: str, data_digest: str) -> Stage:
    return stages(suite, dataclasses.replace(suite.variant(name), conversion=None), data_digest)


def library_versions(names: Sequence[str] = LIBRARIES) -> dict[str, str]:
    """Return the installed versions of `names` without importing them. Raises BuildError when one is missing."""
    try:
        return {name: importlib.metadata.version(name) for name in names}
    except importlib.metadata.PackageNotFoundError as error:
        raise BuildError(f"{error.name} is not installed; pip install 'optkit[train]'") from error
