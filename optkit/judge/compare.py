"""Compare two saved runs: what may be compared at all, what has no partner, and what came of the rest.

Law: what is not comparable is said and never passed; nor is what is missing, new or renamed, unless allowed by name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from optkit.judge.deltas import Delta, deltas
from optkit.judge.target_deltas import names_there, target_deltas
from optkit.judge.tolerances import Tolerances
from optkit.record.environments import differing, environment_of
from optkit.record.run import NOT_MEASURED, Run
from optkit.record.samples import is_accuracy_measured
from optkit.record.timing import benchmark_name


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What differs between two runs. With any of `refusals` nothing was compared.

    `skipped` says what was not compared, and why.
    """

    refusals: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    not_allowed: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    deltas: tuple[Delta, ...] = ()

    @property
    def exit_code(self) -> int:
        """1 when something is worse, missing, new or renamed and not allowed; else 3 when anything is undecided."""
        if self.refusals:
            return 3
        if self.not_allowed or any(delta.fails for delta in self.deltas):
            return 1
        return 3 if any(delta.verdict in ("inconclusive", "not comparable") for delta in self.deltas) else 0


def compare_runs(
    base: Run,
    head: Run,
    tolerances: Tolerances | None = None,
    *,
    allow: Collection[str] = (),
    across_environments: bool = False,
    times: bool = True,
) -> Comparison:
    """Compare `head` with `base`; without `times`, only sizes, accuracy and what is on targets.

    `allow` names variants or benchmarks that may be missing, new or renamed. Runs of different environments are
    compared only when asked for. Raises RecordError when a record contradicts itself.
    """
    environments = tuple(_environment_differences(base, head))
    refusals = list(_refusals(base, head))
    if environments and not across_environments:
        refusals.append("the environments differ (compare sizes, accuracy and normalized times: --across-environments)")
    if refusals:
        return Comparison(refusals=tuple(refusals), environments=environments)
    renamed = _renamed(base, head)
    allowed = [(old, new) for old, new in renamed if old in allow or new in allow]
    base = _rename(base, dict(allowed))
    missing, new = _unmatched(base, head), _unmatched(head, base)
    in_names = {name for pair in renamed for name in pair}
    alone = [name for name in (*missing, *new) if name not in in_names and not _is_allowed(name, allow)]
    across, limits = bool(environments), tolerances or Tolerances()
    return Comparison(
        environments=environments,
        missing=tuple(name for name in missing if name not in in_names),
        new=tuple(name for name in new if name not in in_names),
        renamed=tuple(renamed),
        not_allowed=(*alone, *(f"{old} → {to}" for old, to in renamed if (old, to) not in allowed)),
        skipped=tuple(_skipped(base, head)),
        deltas=(
            *deltas(base, head, limits, times=times, across=across),
            *target_deltas(base, head, limits, across=across_environments),
        ),
    )


def _skipped(base: Run, head: Run) -> Iterator[str]:
    """Yield what neither run measured. It fails nothing: no figure of the base is lost."""
    shared = [name for name in base.variants if name in head.variants]
    scored = [name for name in shared if base.variants[name].quality or head.variants[name].quality]
    if any(not is_accuracy_measured(name, base, head) for name in shared if name not in scored):
        yield NOT_MEASURED


def _refusals(base: Run, head: Run) -> Iterator[str]:
    """Yield why two runs are of different things."""
    for what in ("suite", "baseline", "dataset"):
        old, new = getattr(base, what), getattr(head, what)
        if old != new and what == "dataset":
            old, new = (f"{d.name} ({d.train} train, {d.test} test, sha256 {d.digest[:12]})" for d in (old, new))
        if old != new:
            yield f"{what}: {old} in the base, {new} in the head"


def _environment_differences(base: Run, head: Run) -> Iterator[str]:
    """Yield what differs in processor, system, Python and library versions."""
    old, new = environment_of(base), environment_of(head)
    for name in differing(old, new):
        yield f"{name}: {old[name]} in the base, {new[name]} in the head"


def _renamed(base: Run, head: Run) -> list[tuple[str, str]]:
    """Return the variants that are the same file under another name."""
    gone = {name: facts for name, facts in base.variants.items() if name not in head.variants}
    come = {facts.artifact.sha256: name for name, facts in head.variants.items() if name not in base.variants}
    return [(name, come[f.artifact.sha256]) for name, f in gone.items() if f.artifact.sha256 in come]


def _rename(run: Run, names: dict[str, str]) -> Run:
    variants = {names.get(name, name): facts for name, facts in run.variants.items()}
    timings = tuple(dataclasses.replace(t, variant=names.get(t.variant, t.variant)) for t in run.timings)
    return dataclasses.replace(run, variants=variants, timings=timings)


def _unmatched(run: Run, other: Run) -> list[str]:
    """Return the variants of `run` that `other` lacks, and of those it has the benchmarks and targets."""
    names = [name for name in run.variants if name not in other.variants]
    others = {benchmark_name(timing) for timing in other.timings}
    timed = dict.fromkeys(benchmark_name(t) for t in run.timings if t.variant in other.variants)
    there = set(names_there(other))
    on_targets = [name for name in names_there(run) if name.split("/")[0] in other.variants and name not in there]
    return names + [name for name in timed if name not in others] + on_targets


def _is_allowed(name: str, allow: Collection[str]) -> bool:
    return name in allow or name.split("/")[0] in allow
