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

from optkit.convert import QUANTIZER_LIBRARIES
from optkit.errors import BuildError
from optkit.files.regular import open_file
from optkit.models import NETWORKS
from optkit.spec import Conversion, Network, Step, Suite, Training, Variant
from optkit.spec.keys import KEY_SCHEMA, canonical, digest, file_sha256

LIBRARIES = ("tensorflow", "tf_keras", "tensorflow-model-optimization", "numpy")
"""The libraries whose versions are part of every key."""


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
    if variant.training.weights:  # what the file holds, not where it is
        base["training"]["weights"] = file_sha256(weights_file(suite, variant.training))
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


def weights_file(suite: Suite, training: Training) -> Path:
    """Return the file that `training.weights` names: relative to the suite file, or for a built-in suite, to here.

    Raises BuildError when there is no such file.
    """
    folder = suite.path.parent if suite.path else Path()
    path = folder / training.weights
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
