"""Runs of many variants with long names and figures of every size, for tests of what is printed."""

import dataclasses
from typing import Any

from optkit import Run, VariantFacts
from optkit.judge.gates import Verdict
from optkit.measure.scores import Scores
from optkit.record.facts import QualityFacts
from optkit.record.timing import Timing
from optkit.spec import Gate
from optkit.spec.metrics import TASK_METRICS
from tests.builders import ZIP, facts, sized

WIDTHS = (60, 80, 100, 120)
LONG = "pruned_at_80_percent_then_clustered_then_quantization_aware_dynamic_range"
"""A name of 73 characters: more than a narrow terminal has."""
LONGEST = "x" * 100


def quality(metric: str, value: float, drop: float) -> QualityFacts:
    """What is kept of a metric that is not accuracy."""
    known = TASK_METRICS[metric]
    scores = Scores(
        metric=metric,
        task=known.tasks[0],
        unit=known.unit,
        better=known.better,
        by_sample=known.by_sample,
        value=value,
        kept=None,
    )
    return QualityFacts(scores=scores.facts(), drop=drop)


def named(count: int, names: str) -> list[str]:
    """Names of `count` variants: `short` ones, `long` ones, or one as long as a name may be."""
    base = {"short": "int8", "long": LONG, "longest": LONGEST}[names]
    return ["baseline", *(f"{base[: 100 - len(f'_{i}')]}_{i}" for i in range(1, count))]


def many(
    count: int = 40,
    *,
    names: str = "long",
    metric: str = "accuracy",
    modes: tuple[str, ...] = ("single_sample", "single_batch", "full_set"),
    threads: tuple[int, ...] = (1, 2),
    scale: float = 1.0,
) -> Run:
    """A run of `count` variants, the first of which is the Keras baseline and the second the float file.

    Times go from microseconds to seconds; a metric other than accuracy is of the size of `scale`.
    """
    found: dict[str, VariantFacts] = {}
    timings: list[Timing] = []
    for i, name in enumerate(named(count, names)):
        more: dict[str, Any] = {"accuracy_drop": (i % 5) / 70}
        if metric != "accuracy":
            value = scale * (0.8 + 0.001 * i)
            more = {"accuracy": None, "accuracy_drop": None, "correct": None}
            more["quality"] = quality(metric, value, scale * 0.001 * i * (1 if metric == "mse" else -1))
        spec = {"steps": [] if i == 0 else [{"conversion": {"mode": "float32" if i == 1 else "int8"}}]}
        found[name] = facts(name, artifact=sized(1 + 0.37 * i), spec=spec, **more)
        timings += [
            Timing(variant=name, mode=mode, threads=t, batch=32, samples=32, seconds=8.6e-6 * 1.45**i * 30**place / t)
            for place, mode in enumerate(modes)
            for t in threads
        ]
    first = next(iter(found.values()))
    return Run(suite="tiny", baseline="baseline", dataset=first.dataset, variants=found, timings=tuple(timings))


def with_chain(run: Run) -> Run:
    """The same run after every full set was tried in several ways."""
    tried = (
        dataclasses.replace(timing, strategy=f"batch {100 * (i % 3 + 1)}", trial={"batch 100": 1.0})
        if timing.mode == "full_set"
        else timing
        for i, timing in enumerate(run.timings)
    )
    return dataclasses.replace(run, timings=tuple(tried))


def judged(run: Run, fails: tuple[str, ...] = ()) -> list[Verdict]:
    """A verdict on the size of each variant; those named fail."""
    gate = Gate(metric="zip_bytes", max=ZIP)
    return [
        Verdict(
            variant=name,
            gate=gate,
            status="fail" if name in fails else "pass",
            value=float(one.artifact.zip_bytes),
        )
        for name, one in run.variants.items()
    ]


def too_wide(text: str, width: int) -> list[str]:
    """The lines of `text` that take more than `width` cells of a terminal."""
    from rich.cells import cell_len

    return [line for line in text.splitlines() if cell_len(line) > width]
