"""Hold every variant to the suite's gates, and to what its techniques promise of the finished file."""

import warnings
from collections.abc import Iterator

import pytest

from fixtures.bench import Bench
from optkit import Gate, StoreError, Variant, VariantFacts
from optkit.judge.gates import explain, judge, remember
from optkit.spec.metrics import METRICS


@pytest.fixture(scope="module")
def keep_passed(bench: Bench) -> Iterator[None]:
    """Remember what passed, so that a later failure can say what changed since."""
    yield
    if bench.verdicts:
        try:
            remember(bench.store, bench.run(), bench.verdicts)
        except StoreError as error:
            warnings.warn(f"what passed is not remembered: {error}", stacklevel=1)


def test_gate(variant: Variant, gate: Gate, bench: Bench, facts: dict[str, VariantFacts], keep_passed: None) -> None:
    run = bench.run()
    if METRICS[gate.metric].timed and variant.name not in {timing.variant for timing in bench.timings}:
        pytest.skip(f"{variant.name} was not timed in this session (deselected, or benchmarks are disabled)")
    verdicts = judge(gate, variant, run)
    bench.verdicts += verdicts
    for verdict in verdicts:
        if verdict.tolerated:
            warnings.warn(str(verdict), stacklevel=1)
    bad = [str(explain(bench.store, run, v)) for v in verdicts if v.status != "pass" and not v.tolerated]
    if bad:
        pytest.fail("\n".join(bad), pytrace=False)
