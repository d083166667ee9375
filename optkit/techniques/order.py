"""Which steps may follow which: a chain in which a later step undoes an earlier one is refused before it is built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from optkit.errors import SuiteError
from optkit.spec import Step


@dataclass(frozen=True)
class _Made:
    """What the steps so far made of the model."""

    zeros: bool = False
    clusters: bool = False
    quantized: bool = False


def check_order(steps: Sequence[Step], where: str) -> None:
    """Raise SuiteError, beginning with `where` and naming the right alternative, when a step undoes an earlier one."""
    made = _Made()
    for step in steps:
        if made.quantized:
            raise SuiteError(
                f"{where}: {step.technique} after quantize_aware undoes the fake quantization; "
                f"put quantize_aware last, with {step.technique} before it"
            )
        if problem := _RULES.get(step.technique, _no_rule)(step, made):
            raise SuiteError(f"{where}: {problem}")
        made = _Made(
            zeros=made.zeros or step.technique == "prune",
            clusters=made.clusters or step.technique == "cluster",
            quantized=step.technique == "quantize_aware",
        )


def _no_rule(step: Step, made: _Made) -> str:
    return ""


def _preserves(step: Step, made: _Made) -> str:
    needed = {
        (False, False): "nothing",
        (True, False): "sparsity",
        (False, True): "clusters",
        (True, True): "clusters_and_sparsity",
    }[made.zeros, made.clusters]
    given = str(getattr(step, "preserve", "nothing"))
    if needed == "nothing" or given in (needed, "clusters_and_sparsity"):
        return ""
    earlier = " and ".join(name for name, done in (("prune", made.zeros), ("cluster", made.clusters)) if done)
    if not hasattr(step, "preserve"):
        return f'{step.technique} after {earlier} undoes it; put it before, or use distill with preserve = "{needed}"'
    return f'{step.technique} with preserve = "{given}" after {earlier} undoes it; set preserve = "{needed}"'


def _cluster(step: Step, made: _Made) -> str:
    if made.zeros and not getattr(step, "preserve_sparsity", False):
        return "cluster after prune moves the zeros; set preserve_sparsity = true"
    return ""


def _prune(step: Step, made: _Made) -> str:
    if made.clusters:
        return "prune after cluster breaks the clusters; prune first, then cluster with preserve_sparsity = true"
    return ""


def _slim(step: Step, made: _Made) -> str:
    if made.zeros or made.clusters:
        earlier = "cluster" if made.clusters else "prune"
        return f"{step.technique} after {earlier} trains all weights and undoes it; put it first, then {earlier}"
    return ""


def _fold(step: Step, made: _Made) -> str:
    if made.clusters:
        return "fold after cluster scales each channel's values apart; fold first, then cluster"
    return ""


_RULES: dict[str, Callable[[Step, _Made], str]] = {
    "quantize_aware": _preserves,
    "distill": _preserves,
    "finetune": _preserves,
    "cluster": _cluster,
    "prune": _prune,
    "slim": _slim,
    "sparse_train": _slim,
    "fold": _fold,
}
