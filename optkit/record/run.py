"""What is known of a variant, and the saved form of it: `extra_info.optkit` in pytest-benchmark's JSON.

Law: records hold raw figures, units apart, and say what they were measured on. A saved run of another schema, or
one whose records contradict each other, is an error and never read halfway.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from optkit.errors import RecordError, SchemaError, SuiteError, check_name, check_texts
from optkit.files.documents import DocumentError, decode_json, typed
from optkit.files.regular import read_bytes
from optkit.measure.clocks import ClockName
from optkit.names import shown, shown_values
from optkit.record.chain import conversion_in, extras, is_float, model_of
from optkit.record.contradictions import check_conversion, check_facts, check_quality_together, check_together
from optkit.record.facts import SCHEMA, DatasetFacts, VariantFacts
from optkit.record.machine import Machine, read_machine
from optkit.record.saved import SavedBenchmark, SavedRun, SavedStats, check_commit, saved_as
from optkit.record.timing import Timing, check_timing, common_clock, judged_quotients, over_sessions, session_quotients

_SAVED_BESIDE = ("seconds", "rounds", "session")
"""Parts of a timing that stand elsewhere in the JSON, or are given when sessions are merged."""
NOT_MEASURED = "accuracy was not measured: the data have no labels"


@dataclass(frozen=True, kw_only=True)
class Run:
    """The records of one or more sessions: facts by variant, timings, machine, and commit (as saved).

    `timings` has one Timing a benchmark and session; a benchmark's figure is the median over its sessions.
    """

    suite: str
    baseline: str
    dataset: DatasetFacts
    variants: dict[str, VariantFacts]
    timings: tuple[Timing, ...]
    machine: Machine = field(default_factory=Machine)
    made: str = ""
    commit: dict[str, Any] = field(default_factory=dict)

    @property
    def sessions(self) -> int:
        """How many sessions the run has."""
        return len({timing.session for timing in self.timings})

    @cached_property
    def benchmarks(self) -> tuple[Timing, ...]:
        """One timing a benchmark, in the order of timing: over several sessions, the median of their seconds.

        Such a median has no rounds and no reference; those are in `timings`.
        """
        return over_sessions(self.timings)

    def timing(self, variant: str, mode: str, threads: int) -> Timing | None:
        """Return the figure of `variant` in `mode` on `threads` threads, or None when it was not timed."""
        return next((one for one in self.benchmarks if one.benchmark == (variant, mode, threads)), None)

    @cached_property
    def float_file(self) -> str | None:
        """The float `.tflite` of the baseline: what was converted in mode float32 from the same chain of steps.

        None when the run has none. The plainest, when there are several: not sparse, nothing stripped.
        """
        base = self.variants.get(self.baseline)
        files = [facts for facts in self.variants.values() if is_float(facts)]
        found = [facts for facts in files if base and model_of(facts) == model_of(base)]
        found.sort(key=extras)
        return found[0].variant if found else None

    def speedup(self, timing: Timing, over: str | None = None) -> float | None:
        """Return the time of `over` in the same mode and threads divided by `timing`'s, or None without it.

        `over` is a variant, by default the baseline. Over several sessions it is the median of the quotients, each
        within a session.
        """
        base = (over or self.baseline, timing.mode, timing.threads)
        quotients = session_quotients(self.timings, base, timing.benchmark)
        return statistics.median(quotients) if quotients else None

    def judged_speedup(self, timing: Timing, over: str) -> tuple[float | None, ClockName]:
        """Return what a verdict goes by in place of `speedup`, and its clock: CPU time where both have it."""
        quotients, clock = judged_quotients(self.timings, (over, timing.mode, timing.threads), timing.benchmark)
        return (statistics.median(quotients) if quotients else None), clock

    def normalized(self, timing: Timing) -> float | None:
        """Return the time of `timing`'s benchmark in times of the reference model: the median over sessions.

        None when a session had no reference, or another one.
        """
        found = [one for one in self.timings if one.benchmark == timing.benchmark]
        clock = common_clock(found)
        figures = [figure for one in found if (figure := one.normalized_by(clock)) is not None]
        if len(figures) < len(found) or len({one.reference for one in found}) != 1:
            return None
        return statistics.median(figures)

    def _repr_html_(self) -> str:
        """Return the summary and the front for a notebook."""
        import optkit  # what shows a run stands above this

        return optkit.run_html(self)


def extra_info(facts: VariantFacts, timing: Timing, baseline: str) -> dict[str, Any]:
    """Return the JSON object that a benchmark saves as `extra_info.optkit`: all but what pytest-benchmark saves."""
    own = {name: value for name, value in msgspec.to_builtins(timing).items() if name not in _SAVED_BESIDE}
    return {**msgspec.to_builtins(facts), **own, "baseline": baseline}


def read_run(path: Path) -> Run:
    """Read a run that pytest-benchmark saved.

    Raises RecordError when it is not one, is of another schema, or contradicts itself.
    """
    try:
        saved = decode_json(read_bytes(path), SavedRun)
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}; give a JSON file saved by a run") from error
    except DocumentError as error:
        raise RecordError(f"{path} is not a pytest-benchmark file: {error}; give one of --benchmark-json") from error
    try:
        return _run_of(saved)
    except RecordError as error:
        raise type(error)(f"{path}: {error}") from error


def run_of(document: Mapping[str, Any]) -> Run:
    """Make a Run of a whole document of pytest-benchmark's. Raises RecordError when its benchmarks do not fit."""
    return _run_of(saved_as(document, SavedRun))


def _run_of(saved: SavedRun) -> Run:
    run = _make_run(saved.benchmarks, saved.machine_info, shown(saved.datetime))
    check_commit(saved.commit_info or {})
    return dataclasses.replace(run, commit=shown_values(saved.commit_info or {}))


def make_run(benchmarks: Sequence[Any], machine: Mapping[str, Any], made: str = "") -> Run:
    """Make a Run of pytest-benchmark's benchmark objects and `machine_info` (JSON types).

    Raises RecordError when they do not fit.

    A benchmark without a session's number is of the session after the last one that has it.
    """
    return _make_run(saved_as(benchmarks, list[SavedBenchmark]), machine, made)


def _make_run(benchmarks: Sequence[SavedBenchmark], machine: Mapping[str, Any], made: str) -> Run:
    variants: dict[str, VariantFacts] = {}
    complete: dict[str, VariantFacts] = {}
    timings: list[Timing] = []
    heads: set[tuple[str, str, DatasetFacts]] = set()
    times: Counter[tuple[str, str, int]] = Counter()
    for benchmark in benchmarks:
        info = _info_of(benchmark)
        facts, timing = _decoded(info, benchmark)
        known = variants.setdefault(facts.variant, facts)
        if known is facts:
            check_facts(facts)
            complete[facts.variant] = _with_conversion(info, facts)
        elif known.suite != facts.suite:
            raise RecordError(_mixed({known.suite, facts.suite}))
        elif known != facts:
            raise RecordError(f"records of variant {facts.variant!r} contradict each other; they mix several runs")
        if "session" not in info:
            timing = dataclasses.replace(timing, session=times[timing.benchmark])
        times[timing.benchmark] += 1
        timings.append(timing)
        heads.add((facts.suite, _baseline(info, benchmark), facts.dataset))
    suite, baseline, dataset = _only(heads)
    if len({(timing.benchmark, timing.session) for timing in timings}) < len(timings):
        raise RecordError("it has a benchmark twice in one session; it mixes several runs")
    check_together(variants, baseline)
    check_quality_together(variants, baseline)
    return Run(
        suite=suite,
        baseline=baseline,
        dataset=dataset,
        variants=complete,
        timings=tuple(timings),
        machine=read_machine(machine),
        made=made,
    )


def _only(heads: set[tuple[str, str, DatasetFacts]]) -> tuple[str, str, DatasetFacts]:
    """Return the one suite, baseline and data set of a run."""
    if not heads:
        raise RecordError("no benchmark of optkit in it; save a run with: pytest --benchmark-json=run.json")
    if len(heads) > 1:
        raise RecordError(_mixed({suite for suite, _, _ in heads}))
    return next(iter(heads))


def _mixed(suites: set[str]) -> str:
    return f"it mixes several suites or data sets ({', '.join(sorted(suites))}); give one run at a time"


def _info_of(benchmark: SavedBenchmark) -> dict[str, Any]:
    if "optkit" not in benchmark.extra_info:
        raise RecordError(f"benchmark {benchmark.name!r} has no extra_info.optkit; it is not of an optkit run")
    info = benchmark.extra_info["optkit"]
    if not isinstance(info, dict) or info.get("schema") != SCHEMA:
        got = info.get("schema") if isinstance(info, dict) else info
        raise SchemaError(
            f"it has records of schema {got!r:.40}; this optkit reads schema {SCHEMA}; run again to save one"
        )
    return info


def _baseline(info: dict[str, Any], benchmark: SavedBenchmark) -> str:
    found = info.get("baseline")
    if not isinstance(found, str):
        raise RecordError(f"benchmark {benchmark.name!r} is not of schema {SCHEMA}: baseline is {found!r:.40}")
    return found


def _decoded(info: dict[str, Any], benchmark: SavedBenchmark) -> tuple[VariantFacts, Timing]:
    stats = benchmark.stats or SavedStats()
    try:
        facts = typed(info, VariantFacts)
        timing = typed({**info, "seconds": stats.median, "rounds": stats.data}, Timing)
    except (DocumentError, SuiteError) as error:
        raise RecordError(f"benchmark {benchmark.name!r} is not of schema {SCHEMA}: {error}") from error
    check_timing(timing, benchmark.name)
    _check_names(info, facts, timing)
    return facts, timing


def _with_conversion(info: dict[str, Any], facts: VariantFacts) -> VariantFacts:
    """Return `facts`, checked; those of a record saved before conversions were recorded get theirs from the spec."""
    if "conversion" not in info:
        facts = dataclasses.replace(facts, conversion=conversion_in(facts.spec))
    check_conversion(facts, conversion_in(facts.spec))
    return facts


def _check_names(info: dict[str, Any], facts: VariantFacts, timing: Timing) -> None:
    """Raise RecordError when a name of a record has not the form of names, or any text has a control character."""
    check_texts(info, RecordError)
    check_name(facts.suite, "suite", RecordError, title=True)
    named = {"data set": facts.dataset.name, "runtime": facts.runtime.name, "kind of file": facts.kind}
    named |= {"mode": timing.mode, "variant": facts.variant}
    for what, name in named.items():
        check_name(name, what, RecordError)
    for other in (info.get("baseline"), *timing.paired):
        check_name(other, "variant", RecordError)
