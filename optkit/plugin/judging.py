"""Hold a variant to a gate, in a session of pytest."""

from __future__ import annotations

import warnings

import pytest

from optkit.errors import StoreError
from optkit.judge.fits import fit
from optkit.judge.gates import explain, judge, remember
from optkit.plugin.bench import Bench, ending
from optkit.spec import Gate, Variant
from optkit.spec.metrics import METRICS
from optkit.spec.target import Target


def judge_gate(variant: Variant, gate: Gate, bench: Bench) -> None:
    """Fail with the figures when `gate` does not hold on `variant`; skip when it is on times and none were taken."""
    if METRICS[gate.metric].timed and variant.name not in {timing.variant for timing in bench.timings}:
        pytest.skip(f"{variant.name} was not timed in this session (deselected, or benchmarks are disabled)")
    with ending():
        run = bench.run()
    verdicts = judge(gate, variant, run)
    bench.verdicts += verdicts
    for verdict in verdicts:
        if verdict.tolerated:
            warnings.warn(str(verdict), stacklevel=1)
    bad = [str(explain(bench.store, run, v)) for v in verdicts if v.status != "pass" and not v.tolerated]
    if bad:
        pytest.fail("\n".join(bad), pytrace=False)


def judge_fit(variant: Variant, target: Target, bench: Bench) -> None:
    """Fail with the figures when `variant` does not fit `target`; skip when its times are all that is not known."""
    with ending():
        found = fit(target, variant, bench.run())
    bench.verdicts += found.verdicts
    timed = variant.name in {timing.variant for timing in bench.timings}
    open_ = [v for v in found.verdicts if METRICS[v.gate.metric].timed and not timed]
    bad = [str(v) for v in found.verdicts if v.status != "pass" and v not in open_]
    if bad:
        pytest.fail("\n".join(bad), pytrace=False)
    if open_:
        bench.verdicts = [v for v in bench.verdicts if v not in open_]
        pytest.skip(f"{variant.name} was not timed in this session (deselected, or benchmarks are disabled)")


def keep_passed(bench: Bench) -> None:
    """Remember what passed, so that a later failure can say what changed since."""
    if bench.verdicts:
        try:
            remember(bench.store, bench.run(), bench.verdicts)
        except StoreError as error:
            warnings.warn(f"what passed is not remembered: {error}", stacklevel=1)
