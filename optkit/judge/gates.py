"""Judge a run by a suite's gates: each gate on each variant gives verdicts with the numbers.

Law: missing data is *not comparable*, never a pass, and what the data cannot tell is *inconclusive*; what a gate names
and the suite lacks is an error when the suite is read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from optkit.errors import RecordError
from optkit.judge.confidence import Interval, accuracy_interval, decide, drop_interval, exactly, speedup_interval
from optkit.judge.passed import explain as explain
from optkit.judge.passed import remember as remember
from optkit.judge.quality import drop_bounds
from optkit.judge.verdicts import GateVerdict
from optkit.judge.verdicts import exit_code as code_of
from optkit.measure.paired import PairedTiming
from optkit.record.facts import VariantFacts
from optkit.record.run import NOT_MEASURED, Run
from optkit.record.samples import correct_samples
from optkit.record.timing import Timing
from optkit.spec import Gate, Suite, Variant
from optkit.spec.metrics import METRICS

_ACCURACY = ("accuracy", "accuracy_drop", "score", "drop")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One gate on one variant (and, when timed, one mode and thread count): the value and what came of it.

    A gate with confidence also has `low` and `high`, the bounds of the value, and `data`, what they rest on. `over` is
    the variant that a speed-up is over.
    """

    variant: str
    gate: Gate
    status: GateVerdict
    value: float | None = None
    low: float | None = None
    high: float | None = None
    data: str = ""
    where: str = ""
    reason: str = ""
    changed: tuple[str, ...] = ()
    over: str = ""

    @property
    def name(self) -> str:
        """What tells this verdict from all others of the suite."""
        bound = f"{self.gate.bound_text}{self.gate.condition}"
        return " ".join(filter(None, (self.variant, self.gate.metric, bound, self.where)))

    @property
    def tolerated(self) -> bool:
        """Whether it is inconclusive and the suite says that this is good enough."""
        return self.status == "inconclusive" and self.gate.inconclusive == "pass"

    def __str__(self) -> str:
        gate = self.gate
        value = "no value" if self.value is None else f"{self.value:.6g}"
        if self.low is not None and self.high is not None:
            value += f" ({self.low:.6g} to {self.high:.6g}; {self.data})"
        elif self.data:
            value += f" ({self.data})"
        where = f" ({self.where})" if self.where else ""
        over = f" over {self.over}" if self.over else ""
        text = f"{self.status}: {self.variant}{where}: {gate.metric}{over} is {value}, must be {gate.bound_text}"
        text += f" {METRICS[gate.metric].unit}{gate.condition} [{gate.origin}]"
        if self.reason:
            text += f": {self.reason}"
        return "\n".join([text, *(f"    {line}" for line in self.changed)])


def check_run(suite: Suite, run: Run, *, whole: bool = False) -> list[Verdict]:
    """Judge every variant that `run` has by its gates; with `whole`, every variant of `suite`: none may be missing.

    Raises RecordError when the run is of another suite or baseline.
    """
    if (run.suite, run.baseline) != (suite.title, suite.baseline):
        raise RecordError(
            f"the run is of suite {run.suite!r} with baseline {run.baseline!r}; the gates are of {suite.title!r} "
            f"with {suite.baseline!r}; name the right one with --suite"
        )
    variants = [variant for variant in suite.variants if whole or variant.name in run.variants]
    of_gates = [v for variant in variants for gate in suite.gates_of(variant) for v in judge(gate, variant, run)]
    pairs = [(variant, gate) for variant in variants for t in suite.targets for gate in suite.target_gates(t, variant)]
    return [*of_gates, *(v for variant, gate in pairs for v in judge(gate, variant, run))]


def not_held(run: Run, verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    """Return the variants of `run` whose accuracy no gate held: no verdict on accuracy or accuracy_drop is of them.

    The baseline is not among them: all drops are from it. A verdict that is *not comparable* holds nothing.
    """
    held = {v.variant for v in verdicts if v.gate.metric in _ACCURACY and v.status != "not comparable"}
    return tuple(name for name in run.variants if name not in held and name != run.baseline)


def judge(gate: Gate, variant: Variant, run: Run) -> list[Verdict]:
    """Judge one gate on one variant: one verdict, or one per mode and thread count when the metric is timed.

    Raises RecordError when a record contradicts itself.
    """
    facts = run.variants.get(variant.name)
    if facts is None:
        return [_without(gate, variant, "the run has no record of this variant")]
    if gate.target and not METRICS[gate.metric].timed:
        return [_on_target(gate, variant, facts)]
    if METRICS[gate.metric].timed:
        times = _confident_times(gate, variant, run) if gate.at else _timed(gate, variant, run)
        found = list(times) or [_without(gate, variant, "the run has no such timing")]
        over = (gate.relative_to or run.baseline) if gate.metric == "speedup" else ""
        return [dataclasses.replace(verdict, over=over) for verdict in found]
    if METRICS[gate.metric].layered:
        return [_layered(gate, variant, facts)]
    value = value_of(facts, gate.metric)
    if value is None:
        return [_without(gate, variant, _why_not(facts))]
    if gate.at and facts.quality:
        if run.baseline not in run.variants:
            return [_without(gate, variant, f"the run has no record of the baseline {run.baseline!r}")]
        return [_judged(gate, variant, drop_bounds(gate, run, variant.name), "")]
    if gate.at:
        return [_confident_accuracy(gate, variant, run)]
    return [_verdict(gate, variant, value, "")]


def _on_target(gate: Gate, variant: Variant, facts: VariantFacts) -> Verdict:
    """Judge a figure on a target. A file that the target refuses fails; what nobody measured is not comparable."""
    there, where = facts.targets.get(gate.target), f"on {gate.target}"
    if there is None:
        why = "a Keras file runs on no target" if variant.kind == "keras" else "the run has no record of this target"
        return _without(gate, variant, why, where)
    if there.missing:
        return _without(gate, variant, there.missing, where)
    if there.refused:
        return dataclasses.replace(_without(gate, variant, there.refused, where), status="fail")
    value = there.figures.get(gate.metric)
    if value is None:
        return _without(gate, variant, f"{gate.metric} was not measured there", where)
    found = _verdict(gate, variant, value, where)
    return dataclasses.replace(found, data=f"{there.by}'s estimate") if there.estimated else found


def _why_not(facts: VariantFacts) -> str:
    metric = facts.quality.scores.metric if facts.quality else ""
    return f"the suite's metric is {metric}: bound score or drop, not accuracy" if metric else NOT_MEASURED


def value_of(facts: VariantFacts, metric: str) -> float | None:
    """Return the value of an untimed metric; of a metric of weights, over all layers. None: it was not measured."""
    if METRICS[metric].layered:
        found = getattr(facts.weights, metric)
        return None if found is None else float(found)
    values: dict[str, float | None] = {
        "accuracy": facts.accuracy,
        "accuracy_drop": facts.accuracy_drop,
        "score": facts.score,
        "drop": facts.drop,
        "file_bytes": facts.artifact.file_bytes,
        "zip_bytes": facts.artifact.zip_bytes,
        "size_ratio": facts.artifact.size_ratio,
        "entropy_bytes": facts.weights.entropy_bytes,
        "leftover_wrappers": len(facts.weights.leftovers),
    }
    return values.get(metric)  # what is on a target has no value by itself


def _layered(gate: Gate, variant: Variant, facts: VariantFacts) -> Verdict:
    names = [*gate.layers, *(f"not {pattern}" for pattern in gate.except_layers)]
    where = f"layers {', '.join(names)}" if names else ""
    weights = facts.weights.of_layers(gate.layers, gate.except_layers, depthwise=gate.covers_depthwise)
    if not weights.tensors:
        return _without(gate, variant, "no weight tensor of the file has such a layer's name", where)
    value = getattr(weights, gate.metric)
    if value is None:
        return _without(gate, variant, f"the run has no {gate.metric}: an older optkit made it", where)
    return _verdict(gate, variant, float(value), where)


def _confident_accuracy(gate: Gate, variant: Variant, run: Run) -> Verdict:
    if gate.metric == "accuracy":
        return _judged(gate, variant, accuracy_interval(gate, correct_samples(run, variant.name)), "")
    if variant.name == run.baseline:
        return _judged(gate, variant, exactly(0.0), "")
    if run.baseline not in run.variants:
        return _without(gate, variant, f"the run has no record of the baseline {run.baseline!r}")
    base, own = (correct_samples(run, name) for name in (run.baseline, variant.name))
    return _judged(gate, variant, drop_interval(gate, base, own), "")


def _meant(gate: Gate, variant: Variant, timings: Iterable[Timing]) -> Iterator[tuple[Timing, str]]:
    """Yield those of `timings` that `gate` speaks of, and where they were taken."""
    for timing in timings:
        if timing.variant != variant.name:
            continue
        if (gate.modes and timing.mode not in gate.modes) or (gate.threads and timing.threads not in gate.threads):
            continue
        yield timing, f"{timing.mode}, {timing.threads} thread{'s' if timing.threads > 1 else ''}"


def _timed(gate: Gate, variant: Variant, run: Run) -> Iterator[Verdict]:
    other = gate.relative_to or run.baseline
    for timing, where in _meant(gate, variant, run.benchmarks):
        if gate.runtime not in ("", timing.running.runtime):
            by = timing.running.runtime
            why = f"it was timed in {by}; give the variant runtime = {gate.runtime!r} to time it there"
            yield _without(gate, variant, why, where)
            continue
        value, clock = run.judged_speedup(timing, other) if gate.metric == "speedup" else (timing.seconds, "wall")
        if value is None:
            name = f"the baseline {other!r}" if other == run.baseline else repr(other)
            yield _without(gate, variant, f"the run has no such timing of {name}", where)
        else:
            verdict = _verdict(gate, variant, value, where)
            yield dataclasses.replace(verdict, data="by CPU time") if clock == "cpu" else verdict


def _confident_times(gate: Gate, variant: Variant, run: Run) -> Iterator[Verdict]:
    """Judge by the paired processes of a run's first session: those of a later one are another series of looks."""
    other = gate.relative_to or run.baseline
    series: dict[str, Sequence[PairedTiming]] = {}
    for timing, where in _meant(gate, variant, run.timings):
        series.setdefault(where, timing.paired.get(other, ()))
    for where, timings in series.items():
        found = exactly(1.0) if other == variant.name else speedup_interval(gate, timings)
        if found is None:
            reason = f"the run has {len(timings) or 'no'} timings paired with {other!r}; time both, with this gate"
            yield _without(gate, variant, reason, where)
        else:
            yield _judged(gate, variant, found, where)


def _judged(gate: Gate, variant: Variant, found: Interval, where: str) -> Verdict:
    status = decide(gate, found)
    return Verdict(variant=variant.name, gate=gate, status=status, where=where, **dataclasses.asdict(found))


def _verdict(gate: Gate, variant: Variant, value: float, where: str) -> Verdict:
    status: GateVerdict = "pass" if gate.holds(value) else "fail"
    return Verdict(variant=variant.name, gate=gate, status=status, value=value, where=where)


def _without(gate: Gate, variant: Variant, reason: str, where: str = "") -> Verdict:
    return Verdict(variant=variant.name, gate=gate, status="not comparable", where=where, reason=reason)


def exit_code(verdicts: list[Verdict]) -> int:
    """Return 1 when a gate failed, else 3 when one was not comparable or inconclusive, else 0.

    What an inconclusive gate counts as is the gate's to say.
    """
    return code_of({v.gate.inconclusive if v.status == "inconclusive" else v.status for v in verdicts})
