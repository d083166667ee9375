"""What a history keeps of a saved run: a few figures a benchmark. Raw rounds are read, used and let go.

Law: what is kept is what `read_run` would have said of the file. A file that the quick way does not wholly understand
is read by `read_run`, whose word stands: it reads the file or refuses it with the reason.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from optkit.errors import RecordError, check_name
from optkit.files.regular import read_bytes
from optkit.measure.targets import TargetFacts
from optkit.names import control_texts
from optkit.record.contradictions import check_file, check_together
from optkit.record.environments import environment_from
from optkit.record.facts import SCHEMA, ArtifactFacts, DatasetFacts, RuntimeFacts, VariantFacts
from optkit.record.machine import Machine, SavedMachine, machine_of
from optkit.record.run import Run, read_run
from optkit.record.samples import checked_samples
from optkit.record.timing import Timing, check_timing
from optkit.spec.metrics import METRICS
from optkit.spec.running import said


class Setting(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was timed, and how: the same in every run of a series, but for the way of a full set."""

    variant: str
    mode: str
    threads: int
    batch: int
    samples: int
    strategy: str | None
    reference: str | None
    clock: str
    runs_on: str = ""

    @property
    def name(self) -> str:
        """What tells one benchmark of a run from the others: `variant/mode/threads`."""
        return f"{self.variant}/{self.mode}/{self.threads}"

    @property
    def way(self) -> str | None:
        """How a full set was run, such as `batch 100`: a trial may choose another way in each run."""
        return (self.strategy or f"batch {self.batch}") if self.mode == "full_set" else None


class PastTiming(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One benchmark of one session: seconds a call, and those of the reference model.

    `quotient` is the median over the rounds of a round's seconds divided by the reference's; None without raw rounds.
    """

    setting: Setting
    session: int
    seconds: float
    reference_seconds: float | None
    quotient: float | None


class PastTarget(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a variant was on the target `name`: the `figures` by metric, none when it was refused.

    `by` is the runtime or compiler with its version and settings.
    """

    name: str
    by: str
    figures: tuple[tuple[str, float], ...]


class PastVariant(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The file of a variant, and which test samples it got right (`Evaluation.packed`)."""

    name: str
    kind: str
    sha256: str
    file_bytes: int
    zip_bytes: int
    accuracy: float | None
    correct: str | None
    targets: tuple[PastTarget, ...] = ()


class PastRun(msgspec.Struct, frozen=True):
    """A saved run without what a history does not use. `commit` is an id, with a + when files had changed."""

    suite: str
    dataset: DatasetFacts
    made: str
    commit: str
    environment: dict[str, Any]
    variants: tuple[PastVariant, ...]
    timings: tuple[PastTiming, ...]


class _Spec(msgspec.Struct):
    libraries: dict[str, Any] = {}


class _Facts(msgspec.Struct):
    schema: int
    suite: str
    variant: str
    kind: str
    dataset: DatasetFacts
    artifact: ArtifactFacts
    runtime: RuntimeFacts
    accuracy: float | None
    accuracy_drop: float | None
    correct: str | None
    baseline: Any = None
    session: int | None = None
    spec: _Spec = msgspec.field(default_factory=_Spec)
    targets: dict[str, TargetFacts] = {}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _InfoTiming(Timing):
    """A timing as `extra_info.optkit` has it: the seconds stand elsewhere."""

    seconds: float = math.nan


class _Extra(msgspec.Struct):
    optkit: msgspec.Raw


class _Stats(msgspec.Struct):
    median: float
    data: tuple[float, ...] | None = None


class _Benchmark(msgspec.Struct):
    extra_info: _Extra
    stats: _Stats
    name: str = ""


class _Document(msgspec.Struct):
    benchmarks: list[_Benchmark]
    datetime: str = ""
    machine_info: SavedMachine = msgspec.field(default_factory=SavedMachine)
    commit_info: Any = None


_DOCUMENT = msgspec.json.Decoder(_Document)
_FACTS = msgspec.json.Decoder(_Facts)
_TIMING = msgspec.json.Decoder(_InfoTiming)


def read_past(path: Path) -> PastRun:
    """Return what a history keeps of the run saved in `path`. Raises RecordError when it is not one."""
    try:
        content = read_bytes(path)
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}; give a JSON file saved by a run") from error
    try:
        found = _quickly(content)
        if found and any(control_texts(_texts(found))):
            found = None
    except (RecordError, ValueError, TypeError, OverflowError, RecursionError):
        found = None  # what is wrong with it is for `read_run` to say
    return found or past_of(read_run(path))


def _texts(run: PastRun) -> Any:
    """Return what of a run is text that may be anything."""
    return [
        run.environment,
        run.commit,
        [(one.strategy, one.reference) for one in {t.setting for t in run.timings}],
        [there.by for one in run.variants for there in one.targets],
    ]


def past_of(run: Run) -> PastRun:
    """Return what a history keeps of `run`. Raises RecordError when the run has no place in a history."""
    libraries = ((facts.runtime, facts.spec.get("libraries", {})) for facts in run.variants.values())
    return _past(
        run.suite, run.dataset, run.made, run.commit, run.machine, libraries, run.variants.values(), run.timings
    )


def correct_of(variant: PastVariant, samples: int) -> Any:
    """Return which test samples the variant got right, bool (samples,); None when that was not measured.

    Raises RecordError when that and its accuracy contradict each other.
    """
    return None if variant.accuracy is None else _vector(variant, samples)


@lru_cache(maxsize=256)
def _vector(variant: PastVariant, samples: int) -> Any:
    """The vector of one file is one object, however many runs have it."""
    return checked_samples(variant.name, variant.accuracy, variant.correct, samples)


def moment(made: str) -> datetime:
    """Return when a run was made, as it was saved. Raises RecordError when that is no date."""
    try:
        return datetime.fromisoformat(made.replace("Z", "+00:00"))
    except ValueError:
        raise RecordError(f"its datetime is {made!r}; without a date it has no place in a history") from None


def _quickly(content: bytes) -> PastRun | None:
    """Return what the bytes of a saved run hold, decoding only what is kept; None when `read_run` must say.

    So must it when this raises. What is kept is checked as `read_run` checks it.
    """
    document = _DOCUMENT.decode(content)
    infos = [benchmark.extra_info.optkit for benchmark in document.benchmarks]
    found = list(zip(document.benchmarks, map(_FACTS.decode, infos), map(_TIMING.decode, infos), strict=True))
    facts: dict[str, _Facts] = {}
    timings: list[Timing] = []
    times: Counter[Any] = Counter()
    for benchmark, fact, timing in found:
        stats = benchmark.stats
        session = times[timing.benchmark] if fact.session is None else fact.session
        times[timing.benchmark] += 1
        timings.append(dataclasses.replace(timing, seconds=stats.median, rounds=stats.data or (), session=session))
        fact.session = None
        if facts.setdefault(fact.variant, fact) != fact:
            return None
        check_timing(timings[-1], benchmark.name)
    heads = {(fact.suite, str(fact.baseline), fact.dataset) for fact in facts.values()}
    once = len({(timing.benchmark, timing.session) for timing in timings}) == len(timings)
    if len(heads) != 1 or not once or any(fact.schema != SCHEMA for fact in facts.values()):
        return None
    suite, baseline, dataset = heads.pop()
    check_name(suite, "suite", RecordError, title=True)
    for name, fact in facts.items():
        check_name(name, "variant", RecordError)
        check_file(fact)
    check_together(facts, baseline)
    commit = document.commit_info if isinstance(document.commit_info, dict) else {}
    libraries = ((fact.runtime, fact.spec.libraries) for fact in facts.values())
    machine = machine_of(document.machine_info)
    return _past(suite, dataset, document.datetime, commit, machine, libraries, facts.values(), timings)


def _past(
    suite: str,
    dataset: DatasetFacts,
    made: str,
    commit: dict[str, Any],
    machine: Machine,
    libraries: Iterable[tuple[RuntimeFacts, dict[str, Any]]],
    variants: Iterable[_Facts | VariantFacts],
    timings: Iterable[Timing],
) -> PastRun:
    moment(made)
    found = tuple(_variant(facts) for facts in variants)
    for variant in found:
        correct_of(variant, dataset.test)
    return PastRun(
        suite=suite,
        dataset=dataset,
        made=made,
        commit=str(commit.get("id") or "")[:10] + ("+" if commit.get("dirty") else ""),
        environment=environment_from(machine, libraries),
        variants=found,
        timings=tuple(map(_timing, timings)),
    )


def _variant(facts: _Facts | VariantFacts) -> PastVariant:
    file = facts.artifact
    sizes = (file.sha256, file.file_bytes, file.zip_bytes)
    targets = tuple(_target(there) for there in facts.targets.values() if not there.missing)
    return PastVariant(facts.variant, facts.kind, *sizes, facts.accuracy, facts.correct, targets)


def _target(there: TargetFacts) -> PastTarget:
    figures = ((name, value) for name, value in there.figures.items() if METRICS[name].on_target)
    by = f"{there.by} {there.version} ({said(there.settings)})"
    return PastTarget(there.target, by, tuple(figures))


def _timing(timing: Timing) -> PastTiming:
    fields = (getattr(timing, name) for name in Setting.__struct_fields__)
    by_rounds = timing.clock == "cpu" or (timing.rounds and timing.reference_rounds)
    quotient = timing.normalized if by_rounds else None
    return PastTiming(Setting(*fields), timing.session, timing.seconds, timing.reference_seconds, quotient)
