"""The variant that docs/suites.md adds works as it stands there, on the data that a reader has."""

import re
from pathlib import Path

import pytest

from optkit import KerasWorkers, Store, build_variants, gather, open_suite
from optkit.judge.gates import judge
from optkit.record.run import Run
from optkit.spec.metrics import METRICS
from optkit.suites import suite_text
from tests.isolation import ROOT, USERS_DATA


def added_variant() -> str:
    """Return the TOML of the section `Add a variant`."""
    found = re.search(r"## Add a variant.*?```toml\n(.*?)```", (ROOT / "docs" / "suites.md").read_text(), re.S)
    assert found
    return found[1]


@pytest.mark.slow
@pytest.mark.parametrize("data", ["embedded", "full"])
def test_the_variant_of_the_page_passes_the_gates_of_its_suite(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches an example that a reader copies and sees fail."""
    if data == "full":
        if not USERS_DATA or not Path(USERS_DATA, "mnist.npz").is_file():
            pytest.skip("full MNIST is not there; set OPTKIT_DATA to a folder with mnist.npz")
        monkeypatch.setenv("OPTKIT_DATA", USERS_DATA)
    path = tmp_path / "mnist.toml"
    path.write_text(f"{suite_text('mnist')}\n{added_variant()}")
    suite, dataset = open_suite(str(path), "embedded" if data == "embedded" else "full")
    variant, store = suite.variants[-1], Store(tmp_path / "store")
    artifacts = build_variants(suite, (suite.variant(suite.baseline), variant), dataset, store)
    with KerasWorkers() as workers:
        facts = gather(suite, artifacts, dataset, store, workers)
    run = Run(
        suite=suite.title, baseline=suite.baseline, dataset=facts[variant.name].dataset, variants=facts, timings=()
    )
    gates = [gate for gate in suite.gates_of(variant) if not METRICS[gate.metric].timed]
    verdicts = [verdict for gate in gates for verdict in judge(gate, variant, run)]
    assert {"size_ratio", "accuracy_drop", "sparsity"} <= {verdict.gate.metric for verdict in verdicts}
    assert [str(verdict) for verdict in verdicts if verdict.status != "pass"] == []
