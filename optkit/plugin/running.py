"""What a benchmark is run with: what its variant says, or what tuning finds for its mode and threads."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from optkit.judge.tune import TuneMode, tune
from optkit.plugin.bench import Bench, ending
from optkit.runtime.chosen import check_running
from optkit.spec.running import PLAIN, Running

_BUDGET_SECONDS = 15.0
"""Of tuning, for each setting."""


@dataclass(frozen=True)
class Case:
    """One benchmark: a variant in a mode on some threads."""

    variant: str
    mode: str
    threads: int


def running_of(bench: Bench, case: Case) -> Running:
    """Return what runs the file of `case`. Skips the test when its runtime's time says nothing.

    With settings "tune" they are found first, once a session: for a full set those of a batch. In a later session of
    one run they are those of the first, as the way of a full set is (--optkit-like).
    """
    variant = bench.suite.variant(case.variant)
    if variant.kind == "keras" or variant.running.plain:
        return PLAIN
    runtime = check_running(variant.running)
    if not runtime.times:
        pytest.skip(f"runtime {runtime.name} is not timed here: its time says nothing of where the file will run")
    if not variant.running.tuned:
        return variant.running
    mode: TuneMode = "single_sample" if case.mode == "single_sample" else "single_batch"
    key = (case.variant, mode, case.threads)
    before = bench.like.timing(*key) if bench.like else None
    if before:
        return before.running
    if key not in bench.tuned:
        with ending():
            path = bench.artifacts[case.variant].path
            found = tune(path, mode=mode, threads=case.threads, runtime=runtime.name, seconds=_BUDGET_SECONDS)
            bench.tuned[key] = Running(runtime=runtime.name, settings=found.best)
    return bench.tuned[key]
