"""The space of a search when the suite does not say one: what may be done to its baseline's model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optkit.spec import Suite, Variant
from optkit.tflite.weights import WeightFacts

LARGE = 256
"""Weights that a tensor must have to be worth bits of its own."""
_SMALL = 64
"""Weights that a tensor must have to be worth pruning by itself."""
_LAYERS = 12
"""So many layers at most have holes of their own: those with the most weights. The others stay as they are."""
_GRANULARITY = {"choices": ["per_channel", "per_tensor"]}
_ALGORITHM = {"choices": ["min_max", "mse", "octav", "gptq"]}
_STRIP = {"strip": "smallest"}


def float_table(suite: Suite) -> dict[str, Any]:
    """Return the table of the variant whose layers the default space is made of: the baseline as a float file."""
    return {"from": suite.baseline, "conversion": {"mode": "float32"}}


def layers_of(facts: WeightFacts, least: int = _SMALL) -> tuple[str, ...]:
    """Return the layers of a float file with `least` weights or more, in its order: at most `_LAYERS`, the largest."""
    sizes: dict[str, int] = {}
    for tensor in facts.tensors:
        if tensor.layers and tensor.elements >= least and not tensor.depthwise:
            sizes[tensor.layers[0]] = max(tensor.elements, sizes.get(tensor.layers[0], 0))
    largest = sorted(sizes, key=lambda layer: -sizes[layer])[:_LAYERS]
    return tuple(layer for layer in sizes if layer in largest)


def teachers_of(suite: Suite) -> tuple[str, ...]:
    """Return the variants that teach others in this suite: what its own steps name, of classifiers."""
    named = [name for variant in suite.variants for step in variant.steps for name in step.needs()]
    return tuple(dict.fromkeys(named)) if suite.workload.classifies else ()


def default_template(
    suite: Suite, layers: Sequence[str], large: Sequence[str] | None = None, *, scaled: bool = False
) -> dict[str, Any]:
    """Return the variant with holes, one of two recipes; most steps may be left out.

    Slimmed, taught, pruned by layer, clustered, then quantized by a converter; or slimmed, taught, pruned by layer,
    then trained in few bits that zip well. `layers` are pruned by themselves; those of `large` (default: all of
    `layers`) also have bits of their own. `scaled`: the network has batch normalization, so channels can be taken out.
    """
    base: Variant = suite.variant(suite.baseline)
    common: dict[str, Any] = {"batch_size": base.training.batch_size}
    own_bits = layers if large is None else large
    conversion = {"choices": _conversions(own_bits)}
    if base.network.is_tflite:  # it cannot be trained
        return {"conversion": conversion}
    teacher = next(iter(teachers_of(suite)), None)
    taught = {"teacher": teacher, "temperature": 3.0} if teacher else None
    steps: list[dict[str, Any]] = []
    if scaled:
        steps.append({"choices": [[], _slimming(common)]})
    if taught:
        steps.append({"technique": "distill", "optional": True, **taught, "epochs": {"choices": [4, 8, 12]}, **common})
    common |= {"teaching": taught} if taught else {}
    steps += _pruning(layers, common)
    few = {"mode": {"choices": ["dynamic_range", "int8", "int4_weights"]}, **_STRIP}
    return {
        "choices": [
            {"steps": [*steps, _clustering(common)], "conversion": conversion},
            {"steps": [*steps, _low_bit(own_bits, common)], "conversion": few},
        ]
    }


def _slimming(common: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the steps that take channels out by the scales of batch normalization."""
    return [
        {"technique": "sparse_train", "penalty": {"low": 1e-4, "high": 1e-2, "log": True}, "epochs": 2, **common},
        {"technique": "slim", "ratio": {"low": 0.1, "high": 0.8}, "min_channels": 4},
        {"technique": "finetune", "epochs": {"choices": [2, 4, 8]}, **common},
        {"technique": "fold"},
    ]


def _pruning(layers: Sequence[str], common: dict[str, Any]) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    if layers:
        sparsity: dict[str, Any] = {layer: {"low": 0.0, "high": 0.98} for layer in layers}
        schedule = {"initial_sparsity": 0.0, "epochs": {"choices": [4, 8, 14]}}
        steps.append({"technique": "prune", "optional": True, "sparsity_by_layer": sparsity, **schedule, **common})
    return steps


def _clustering(common: dict[str, Any]) -> dict[str, Any]:
    how = {"clusters": {"choices": [3, 4, 5, 6, 8, 12, 16, 32]}, "epochs": {"choices": [4, 8]}, "learning_rate": 1e-3}
    return {"technique": "cluster", "optional": True, **how, **common}


def _low_bit(layers: Sequence[str], common: dict[str, Any]) -> dict[str, Any]:
    """Return training in few bits: by layer, and with a penalty on the entropy of the weights."""
    bits = {"choices": [2, 3, 4, 5, 6, 8]}
    by_layer = {"bits_by_layer": {layer: bits for layer in layers}} if layers else {}
    penalty = {"entropy_penalty": {"low": 0.001, "high": 2.0, "log": True}}
    schedule = {"epochs": {"choices": [8, 14, 24]}, "learning_rate_schedule": "cosine"}
    return {"technique": "low_bit", "bits": bits, **by_layer, **penalty, **schedule, **common}


def _conversions(layers: Sequence[str]) -> list[dict[str, Any]]:
    """Return the conversions, each with what it takes: the converter's own, then those of LiteRT's quantizer."""
    bits = {"layers": {layer: {"choices": ["int8", "int4"]} for layer in layers}} if layers else {}
    scales = {"granularity": _GRANULARITY, **_STRIP}
    return [
        {"mode": "dynamic_range", **scales},
        {"mode": "int8", **scales},
        {"mode": "dynamic_range", "algorithm": _ALGORITHM, **bits, **scales},
        {"mode": "int8", "algorithm": _ALGORITHM, **bits, **scales},
        {"mode": "int4_weights", "algorithm": _ALGORITHM, **scales},
    ]
