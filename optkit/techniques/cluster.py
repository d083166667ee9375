"""Weight clustering: each layer's weights come to share a few values while the model is fine-tuned.

Han, Mao and Dean, "Deep compression", 2016 (arXiv:1510.00149); tfmot's `cluster_weights`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from optkit.keras.finding import Finding
from optkit.keras.layers import Preserve, choose_layers, kernel_layers, preserving, wrap_layers
from optkit.keras.tensorflow import load_keras, load_tfmot
from optkit.spec import Gate, Step, TrainingRecipe, require
from optkit.techniques.base import Made, Property, clone
from optkit.training.context import TrainingContext
from optkit.training.fit import fit
from optkit.training.teaching import Teaching

_INITS = {
    "linear": "LINEAR",
    "density": "DENSITY_BASED",
    "random": "RANDOM",
    "kmeans++": "KMEANS_PLUS_PLUS",
}


@dataclass(frozen=True, kw_only=True)
class Cluster(TrainingRecipe, Step):
    """Fine-tune with at most `clusters` distinct values in each chosen layer (with `per_channel`: in each channel).

    `init` places the first centroids. `preserve_sparsity` keeps zero as one of the values, and every zero a zero,
    in all layers. `per_channel` is for Conv2D layers; others are clustered as a whole. Layers are chosen by name
    with `include` and `exclude` (patterns as in `fnmatch`). A layer that has no more than `clusters` distinct
    values already keeps them as they are grouped; what earlier steps clustered in other layers stays clustered.
    """

    technique: ClassVar[str] = "cluster"

    clusters: int = field(default=16, kw_only=False)
    init: Literal["linear", "density", "random", "kmeans++"] = "kmeans++"
    per_channel: bool = False
    preserve_sparsity: bool = False
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    epochs: int = 2
    learning_rate: float = 1e-4
    teaching: Teaching | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        least = 3 if self.preserve_sparsity else 2
        reason = " (zero, and one on either side of it)" if self.preserve_sparsity else ""
        require(self.clusters >= least, f"clusters is {self.clusters}; expected {least} or more{reason}")
        require(bool(self.include), 'include is empty; expected patterns of layer names, such as ["*"]')

    def needs(self) -> tuple[str, ...]:
        """Return the teacher's variant, if there is one."""
        return (self.teaching.teacher,) if self.teaching else ()

    def promises(self) -> tuple[Gate, ...]:
        """Every clustered layer keeps to its number of values; zeros are the promise of the step that made them."""
        return (
            Gate(
                metric="distinct_values",
                max=self.clusters,
                layers=() if self.include == ("*",) else self.include,
                except_layers=self.exclude,
                origin=self.technique,
            ),
            Gate(metric="leftover_wrappers", max=0, origin=self.technique),
        )


def apply(model: Any, step: Cluster, context: TrainingContext) -> Any:
    """Return a clustered, fine-tuned copy of `model` with the clustering wrappers stripped.

    Raises BuildError, before it trains, when a pattern fits no layer or a chosen layer cannot be clustered.
    """
    copy = clone(model)
    wrappers = {}
    for layer in choose_layers(copy, step.include, step.exclude, step.technique):
        scope = clustering_of(layer.kernel.numpy(), step, may_split=_may_split(layer))
        if scope != "none":
            wrappers[layer.name] = _wrapper(step, scope == "channels")
    others = [layer for layer in kernel_layers(copy) if layer.name not in wrappers]
    kept: Preserve = "clusters_and_sparsity" if step.preserve_sparsity else "clusters"
    wrapped = wrap_layers(copy, wrappers)
    fit(wrapped, step, context, callbacks=preserving(others, kept), teaching=step.teaching)
    return load_tfmot().clustering.keras.strip_clustering(wrapped)


def check(model: Any, step: Cluster) -> tuple[Finding, ...]:
    """Return nothing. Raises BuildError when a pattern fits no layer, or a chosen layer cannot be clustered."""
    choose_layers(model, step.include, step.exclude, step.technique)
    return ()


def clustering_of(
    kernel: npt.NDArray[np.float32], step: Cluster, *, may_split: bool
) -> Literal["none", "layer", "channels"]:
    """Say how a kernel, (..., output channels), is clustered: as a whole, per channel, or not, having few values.

    Per channel only where `may_split` and every channel has as many values (but zero) as it gets centroids;
    tfmot's sparsity-preserving centroids fail on a channel with fewer. The whole kernel then keeps the bound too.
    """
    if not (step.per_channel and may_split):
        return "layer" if len(np.unique(kernel)) > step.clusters else "none"
    channels = kernel.reshape(-1, kernel.shape[-1]).T
    counts = [len(np.unique(channel)) for channel in channels]
    if max(counts) <= step.clusters:
        return "none"
    return "channels" if min(counts) > step.clusters else "layer"


def _may_split(layer: Any) -> bool:
    # tfmot takes the bias for the number of channels; a layer without one it does not cluster at all.
    return type(layer) is load_keras().layers.Conv2D and layer.use_bias


def _wrapper(step: Cluster, per_channel: bool) -> Callable[[Any], Any]:
    clustering = load_tfmot().clustering.keras
    # The public cluster_weights lacks both options; this is where tfmot's guide takes them from.
    from tensorflow_model_optimization.python.core.clustering.keras.experimental import cluster

    init = getattr(clustering.CentroidInitialization, _INITS[step.init])
    return lambda layer: cluster.cluster_weights(layer, step.clusters, init, step.preserve_sparsity, per_channel)


def keeps(step: Cluster) -> frozenset[Property]:
    """Return what earlier steps made that stays: clusters, and zeros with `preserve_sparsity`."""
    return frozenset({"clusters", "zeros"}) if step.preserve_sparsity else frozenset({"clusters"})


def keeping(made: frozenset[Property]) -> dict[str, Any]:
    """Return what keeps the zeros, where there are any."""
    return {"preserve_sparsity": True} if "zeros" in made else {}


def remedy(step: Cluster, made: Made) -> str:
    """Say how zeros stay."""
    return f"{step.technique} after {made['zeros']} moves the zeros; set preserve_sparsity = true"
