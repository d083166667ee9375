"""Parametrize the benchmarks and gates over the session's suite."""

import pytest

from fixtures.bench import bench_of
from fixtures.timing import Case
from optkit.spec.metrics import MODES


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each benchmark its case and each gate test its gate. Ids name the data: other data is another benchmark."""
    bench = bench_of(metafunc.config)
    data = f"{bench.dataset.name}@{bench.dataset.digest[:8]}"
    if "case" in metafunc.fixturenames:
        # What is compared runs side by side: variants innermost. Keras files last: their worker takes seconds to start.
        variants = sorted(bench.variants, key=lambda variant: variant.kind == "keras")
        modes = [mode for mode in MODES if mode in bench.suite.modes]
        cases = [Case(v.name, mode, threads) for mode in modes for threads in bench.threads for v in variants]
        ids = [f"{data}-{case.variant}-{case.mode}-{case.threads}" for case in cases]
        metafunc.parametrize("case", cases, ids=ids)
    if "gate" in metafunc.fixturenames:
        pairs = [(variant, gate) for variant in bench.variants for gate in bench.suite.gates_of(variant)]
        ids = [f"{data}-{variant.name}-{gate.metric} {gate.bound_text}{gate.condition}" for variant, gate in pairs]
        metafunc.parametrize(("variant", "gate"), pairs, ids=ids)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Judge after timing: gate tests go last."""
    items.sort(key=lambda item: "gate" in getattr(item, "fixturenames", ()))
