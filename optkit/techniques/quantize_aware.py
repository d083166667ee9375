"""Quantization-aware training: fine-tune with fake quantization, so that int8 conversion costs little accuracy.

Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
2018 (arXiv:1712.05877); tfmot's `quantize_apply` and its preserving schemes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from optkit.keras.finding import Finding, stops
from optkit.keras.graph import read_graph
from optkit.keras.layers import Preserve
from optkit.keras.tensorflow import load_keras, load_tfmot
from optkit.spec import Step, TrainingRecipe
from optkit.techniques.base import clone
from optkit.techniques.fold import why_not
from optkit.training.context import TrainingContext
from optkit.training.fit import fit
from optkit.training.teaching import Teaching

_TRANSFORMED = ("InputLayer", "SeparableConv1D", "SeparableConv2D")
"""What tfmot turns into supported layers by itself, or never wraps."""


@dataclass(frozen=True, kw_only=True)
class QuantizeAware(TrainingRecipe, Step):
    """Fine-tune with 8-bit fake quantization.

    `preserve` keeps what earlier steps made: zeros (PQAT), clusters (CQAT), or both (PCQAT). A convolution keeps
    its clusters channel by channel, as its channels have scales of their own.
    """

    technique: ClassVar[str] = "quantize_aware"

    preserve: Preserve = "nothing"
    epochs: int = 2
    teaching: Teaching | None = None

    def __post_init__(self) -> None:
        super().__post_init__()

    def needs(self) -> tuple[str, ...]:
        """Return the teacher's variant, if there is one."""
        return (self.teaching.teacher,) if self.teaching else ()


def apply(model: Any, step: QuantizeAware, context: TrainingContext) -> Any:
    """Return a fine-tuned copy of `model` that carries fake quantization (integers come with the conversion)."""
    quantization = load_tfmot().quantization.keras
    annotated = quantization.quantize_annotate_model(clone(model))
    scheme = _scheme(step.preserve)
    quantized = quantization.quantize_apply(annotated, *([] if scheme is None else [scheme]))
    fit(quantized, step, context, teaching=step.teaching)
    if step.preserve.startswith("clusters"):
        # The centroids and indices that training added; with them the file would not load again.
        from tensorflow_model_optimization.python.core.quantization.keras.collab_opts.cluster_preserve import (
            cluster_utils,
        )

        return cluster_utils.strip_clustering_cqat(quantized)
    return quantized


def _scheme(preserve: Preserve) -> Any:
    combine = load_tfmot().experimental.combine
    if preserve == "nothing":
        return None
    if preserve == "sparsity":
        return combine.Default8BitPrunePreserveQuantizeScheme()
    keeps_zeros = preserve == "clusters_and_sparsity"

    def registry() -> Any:
        return combine.Default8BitClusterPreserveQuantizeScheme(keeps_zeros).get_quantize_registry()

    class RegistryPerLayer(type(registry())):  # type: ignore
        # tfmot's registry shares one quantizer among all dense layers and one among all convolutions, and the
        # first of them without a zero turns the keeping of zeros off for them all.
        def get_quantize_config(self, layer: Any) -> Any:
            return registry().get_quantize_config(layer)

    class SchemePerLayer(combine.Default8BitClusterPreserveQuantizeScheme):  # type: ignore
        def get_quantize_registry(self) -> Any:
            return RegistryPerLayer(keeps_zeros)

    return SchemePerLayer(keeps_zeros)


def check(model: Any, step: QuantizeAware) -> Iterator[Finding]:
    """Yield an error for each layer that tfmot does not quantize. Raises BuildError when the layers cannot be read."""
    nested = [layer.name for layer in model.layers if isinstance(layer, load_keras().Model)]
    for name in nested:
        why = "tfmot does not quantize a model inside a model; write its layers in the outer one"
        yield stops(step.technique, name, why)
    if nested:
        return
    graph, registry = read_graph(model), _registry()
    for node in graph.nodes.values():
        if node.kind_name in _TRANSFORMED:
            continue
        if node.kind_name == "BatchNormalization":
            if why := why_not(graph, node):
                only = "tfmot quantizes a BatchNormalization only with the linear Conv2D or DepthwiseConv2D"
                yield stops(step.technique, node.name, f"{why}; {only} right before it")
            elif graph.nodes[node.inputs[0]].kind_name == "Dense":
                why = f"after it {node.inputs[0]!r} (Dense) would stay in float; put fold before {step.technique}"
                yield stops(step.technique, node.name, f"{why}, as in the recipe folded_qat")
        elif not registry.supports(model.get_layer(node.name)):
            yield stops(step.technique, node.name, f"tfmot does not quantize {node.kind_name} layers; replace it")


def _registry() -> Any:
    load_tfmot()
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_registry as registry,
    )

    return registry.Default8BitQuantizeRegistry()
