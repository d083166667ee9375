"""The space of a search when the suite does not say one: what may be done to its baseline's model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optkit.spec import Suite, Variant
from optkit.tflite.weights import WeightFacts

_LARGE = 256
"""Weights that a tensor must have to be worth pruning by itself."""


def float_table(suite: Suite) -> dict[str, Any]:
    """Return the table of the variant whose layers the default space is made of: the baseline as a float file."""
    return {"from": suite.baseline, "conversion": {"mode": "float32"}}


def layers_of(facts: WeightFacts) -> tuple[str, ...]:
    """Return the layers of a float file whose weights are many enough to be pruned, in its order."""
    found = [tensor.layers[0] for tensor in facts.tensors if tensor.layers and tensor.elements >= _LARGE]
    return tuple(dict.fromkeys(found))


def teachers_of(suite: Suite) -> tuple[str, ...]:
    """Return the variants that teach others in this suite: what its own steps name, of classifiers."""
    named = [name for variant in suite.variants for step in variant.steps for name in step.needs()]
    return tuple(dict.fromkeys(named)) if suite.workload.classifies else ()


def default_template(suite: Suite, layers: Sequence[str]) -> dict[str, Any]:
    """Return the variant with holes: taught, pruned by layer, clustered, then quantized; each step may be left out."""
    base: Variant = suite.variant(suite.baseline)
    common = {"batch_size": base.training.batch_size}
    teacher = next(iter(teachers_of(suite)), None)
    taught = {"teacher": teacher, "temperature": 3.0} if teacher else None
    teaching = {"teaching": taught} if taught else {}
    steps: list[dict[str, Any]] = []
    if taught:
        steps.append({"technique": "distill", "optional": True, **taught, "epochs": {"choices": [4, 8]}, **common})
    if layers:
        sparsity = {layer: {"low": 0.0, "high": 0.97} for layer in layers}
        schedule = {"initial_sparsity": 0.0, "epochs": {"choices": [4, 8, 14]}}
        steps.append(
            {"technique": "prune", "optional": True, "sparsity_by_layer": sparsity, **schedule, **common, **teaching}
        )
    how = {"clusters": {"choices": [4, 8, 16, 32]}, "epochs": {"choices": [4, 8]}, "learning_rate": 1e-3}
    steps.append({"technique": "cluster", "optional": True, **how, **common, **teaching})
    return {
        "steps": steps,
        "conversion": {
            "mode": {"choices": ["dynamic_range", "int8", "int4_weights"]},
            "algorithm": {"choices": ["min_max", "mse", "octav"]},
            "strip": {"choices": ["keep_names", "all"]},
        },
    }
