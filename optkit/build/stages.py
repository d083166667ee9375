"""The build graph: each variant as a chain of stages, each with the key that says all its bytes depend on.

Law: two chains share a stage exactly when everything up to it is the same.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optkit.build.own import TFLITE_LIBRARIES, is_trained_further, spec_of
from optkit.convert import QUANTIZER_LIBRARIES
from optkit.errors import BuildError
from optkit.files.regular import open_file
from optkit.models import NETWORKS
from optkit.spec import Conversion, Network, OwnModel, Step, Suite, Training, Variant
from optkit.spec.keys import KEY_SCHEMA, canonical, digest, file_sha256

LIBRARIES = ("tensorflow", "tf_keras", "tensorflow-model-optimization", "numpy")
"""The libraries whose versions are part of every key."""


@dataclass(frozen=True)
class Stage:
    """One node of the build graph: what is done (`work`), to the result of `parent`, under which key."""

    label: str
    key: str
    file: str
    work: tuple[Network, Training] | OwnModel | Step | Conversion
    parent: Stage | None
    needs: dict[str, Stage]
    spec: dict[str, Any]

    @property
    def needs_tensorflow(self) -> bool:
        """Whether making it loads TensorFlow: all but what begins and ends as a .tflite file."""
        if isinstance(self.work, OwnModel):
            return not self.work.is_tflite
        return self.parent is None or self.parent.file == "model.h5"


def stages(suite: Suite, variant: Variant, data_digest: str) -> Stage:
    """Return the last stage of `variant`; its parents lead back to the training of the network."""
    base = _base(suite, variant, data_digest)
    chain: list[Any] = []

    def stage(label: str, file: str, work: Any, parent: Stage | None, needs: dict[str, Stage] | None = None) -> Stage:
        spec = {**base, "steps": list(chain)}
        return Stage(label, digest(spec), file, work, parent, needs or {}, spec)

    if isinstance(variant.network, OwnModel):
        file = "model.h5" if is_trained_further(variant) else "model.tflite"
        last = stage(f"read {variant.network.name}", file, variant.network, None)
    else:
        last = stage(f"train {variant.network.name}", "model.h5", (variant.network, variant.training), None)
    for step in variant.steps:
        needs = {name: _keras_stage(suite, name, data_digest) for name in step.needs()}
        chain.append({**canonical(step), **({"needs": {n: s.key for n, s in needs.items()}} if needs else {})})
        last = stage(step.technique, "model.h5", step, last, needs)
    if variant.conversion:
        quantizer = variant.conversion.uses_quantizer or last.file == "model.tflite"
        extra: dict[str, Any] = {"libraries": library_versions(QUANTIZER_LIBRARIES)} if quantizer else {}
        if variant.conversion.algorithm == "gptq":
            extra["gptq"] = 2  # 1 left 1x1 convolutions as they were
        chain.append({"conversion": canonical(variant.conversion), **extra})
        last = stage(f"convert to {variant.conversion.mode}", "model.tflite", variant.conversion, last)
    return last


def _base(suite: Suite, variant: Variant, data_digest: str) -> dict[str, Any]:
    """Return what the keys of all stages of `variant` say: data, seed, libraries, and what the chain starts from."""
    workload = suite.workload
    base: dict[str, Any] = {"schema": KEY_SCHEMA, "data": data_digest, "task": workload.task, "seed": workload.seed}
    if isinstance(variant.network, OwnModel):
        without_keras = variant.network.is_tflite
        base["libraries"] = library_versions(TFLITE_LIBRARIES if without_keras else LIBRARIES)
        base["model"] = spec_of(suite, variant.network, as_keras=is_trained_further(variant) and not without_keras)
        return base
    base["libraries"] = library_versions()
    base["network"] = {**canonical(variant.network), "version": NETWORKS[variant.network.name].version}
    base["training"] = canonical(variant.training)
    if variant.training.weights:  # what the file holds, not where it is
        base["training"]["weights"] = file_sha256(weights_file(suite, variant.training))
    return base


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
