"""Which benchmarks and gates a suite has, with their ids."""

from __future__ import annotations

import pytest

from optkit.plugin.bench import bench_of, ending
from optkit.plugin.files import SuiteModule
from optkit.plugin.running import Case
from optkit.spec import Gate
from optkit.spec.metrics import MODES


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Give each benchmark its case, each gate test its gate, and each test of a target its variant and target.

    Outside of a suite file ids name the data: other data is another benchmark.
    """
    module = metafunc.definition.getparent(pytest.Module)
    with ending():
        bench = bench_of(metafunc.config, module)
    data = "" if isinstance(module, SuiteModule) else f"{bench.dataset.name}@{bench.dataset.digest[:8]}-"
    if "optkit_case" in metafunc.fixturenames:
        # What is compared runs side by side: variants innermost. Keras files last: their worker takes seconds to start.
        variants = sorted(bench.variants, key=lambda variant: variant.kind == "keras")
        modes = [mode for mode in MODES if mode in bench.suite.modes]
        cases = [Case(v.name, mode, threads) for mode in modes for threads in bench.threads for v in variants]
        ids = [f"{data}{case.variant}-{case.mode}-{case.threads}" for case in cases]
        metafunc.parametrize("optkit_case", cases, ids=ids)
    if "optkit_gate" in metafunc.fixturenames:
        pairs = [(variant, gate) for variant in bench.variants for gate in bench.suite.gates_of(variant)]
        between = "" if isinstance(module, SuiteModule) else " "
        ids = [f"{data}{variant.name}-{gate.metric}{_bound(gate, between)}" for variant, gate in pairs]
        metafunc.parametrize(("optkit_variant", "optkit_gate"), pairs, ids=ids)
    if "optkit_target" in metafunc.fixturenames:
        there = [(v, t) for t in bench.suite.targets for v in bench.variants if bench.suite.target_gates(t, v)]
        ids = [f"{data}{variant.name}-{target.name}" for variant, target in there]
        metafunc.parametrize(("optkit_variant", "optkit_target"), there, ids=ids)


def _bound(gate: Gate, between: str) -> str:
    where = f"@{gate.target}" if gate.target else ""
    return f"{between}{gate.bound_text.replace(' ', between)}{gate.condition}{where}"
