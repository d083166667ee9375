"""What a run at hand says of an advice: whether the advised scheme did best in it, by the figure that was wished for.

Law: an advice is a document's general rule; a run is evidence of its own machine. Where the two differ, both are said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from optkit.judge.advise import DATA, SCHEMES, Advice
from optkit.judge.tolerances import Tolerances
from optkit.record.chain import mode_of
from optkit.record.facts import VariantFacts
from optkit.record.run import Run

_MODES = ("single_sample", "single_batch")
_INTEGER_ONLY = ("edge_tpu", "microcontroller")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One figure of the advised variant and of the best one in the run: seconds, zip bytes or drop of accuracy.

    `where` is the mode and threads of a time. `float_file` and `float_figure` are of the float `.tflite`, where there
    is one. `agrees` says whether the advised variant is the best, or as good as that.
    """

    metric: str
    where: str
    advised: str
    figure: float
    best: str
    best_figure: float
    agrees: bool
    float_file: str | None = None
    float_figure: float | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a run says of an advice. `why_not` says why it says nothing; then there are no findings."""

    suite: str
    machine: str
    findings: tuple[Finding, ...] = ()
    why_not: str = ""

    @property
    def agrees(self) -> bool | None:
        """Whether the run bears the advice out in every finding; None when it says nothing."""
        return all(finding.agrees for finding in self.findings) if self.findings else None


def evidence_of(advice: Advice, run: Run) -> Evidence:
    """Return what `run` says of `advice`, among the files that the data at hand can make and the target can run."""
    possible = [facts for facts in run.variants.values() if _is_possible(facts, advice, run)]
    advised = [facts.variant for facts in possible if _is_advised(facts, advice, run)]
    found: tuple[Finding, ...] = ()
    why_not = ""
    if not advised:
        why_not = f"the run has no file that was made as advised ({advice.title})"
    elif advice.wish == "fastest" and advice.target != "cpu":
        why_not = f"its times are of this processor, and say nothing of a {advice.target}"
    else:
        names = [facts.variant for facts in possible]
        found = tuple(
            _times(run, advised, names) if advice.wish == "fastest" else _figures(run, advice, advised, names)
        )
        why_not = "" if found else "the run did not measure what was wished for"
    return Evidence(suite=run.suite, machine=str(run.machine), findings=found, why_not=why_not)


def _techniques(facts: VariantFacts, run: Run) -> list[str]:
    """Return what was done to the baseline's model before the conversion."""
    own, base = (
        [str(step["technique"]) for step in one.spec.get("steps") or [] if "technique" in step] if one else []
        for one in (facts, run.variants.get(run.baseline))
    )
    return own[len(base) :] if own[: len(base)] == base else own


def _is_possible(facts: VariantFacts, advice: Advice, run: Run) -> bool:
    mode = mode_of(facts)
    if facts.kind != "tflite" or (advice.target in _INTEGER_ONLY and mode != "int8"):
        return False
    needs = "labelled" if _techniques(facts, run) else "unlabelled" if mode in ("int8", "int16x8") else "none"
    return DATA.index(needs) <= DATA.index(advice.data)


def _is_advised(facts: VariantFacts, advice: Advice, run: Run) -> bool:
    scheme = SCHEMES[str(advice.scheme)]
    steps = [name for step in scheme.steps for name in re.findall(r'technique = "(\w+)"', step)]
    return mode_of(facts) == scheme.mode and _techniques(facts, run) == steps


def _times(run: Run, advised: Sequence[str], names: Sequence[str]) -> Iterator[Finding]:
    for mode in _MODES:
        for threads in sorted({timing.threads for timing in run.timings}):
            times = {name: one.seconds for name in names if (one := run.timing(name, mode, threads))}
            if any(name in times for name in advised):
                where = f"{mode}, {threads} thread{'s' if threads > 1 else ''}"
                plain = run.timing(run.float_file, mode, threads) if run.float_file else None
                yield _finding("seconds", where, times, advised, run, plain.seconds if plain else None)


def _figures(run: Run, advice: Advice, advised: Sequence[str], names: Sequence[str]) -> Iterator[Finding]:
    metric = "zip_bytes" if advice.wish == "smallest" else "accuracy_drop"
    figures: dict[str, float] = {}
    for name in {*names, *filter(None, [run.float_file])}:
        facts = run.variants[name]
        figure = facts.artifact.zip_bytes if metric == "zip_bytes" else facts.accuracy_drop
        if figure is not None:
            figures[name] = figure
    if any(name in figures for name in advised):
        plain = figures.get(run.float_file or "")
        yield _finding(metric, "", {name: figures[name] for name in names if name in figures}, advised, run, plain)


def _finding(
    metric: str, where: str, figures: dict[str, float], advised: Sequence[str], run: Run, plain: float | None
) -> Finding:
    mine = min((name for name in advised if name in figures), key=figures.__getitem__)
    best = min(sorted(figures), key=lambda name: (figures[name], name != mine))
    tolerances = Tolerances()
    within = {"seconds": tolerances.margin, "zip_bytes": tolerances.max_growth}.get(metric)
    limit = figures[best] + tolerances.max_drop if within is None else figures[best] * (1 + within)
    return Finding(
        metric=metric,
        where=where,
        advised=mine,
        figure=figures[mine],
        best=best,
        best_figure=figures[best],
        agrees=figures[mine] <= limit,
        float_file=run.float_file,
        float_figure=plain,
    )
