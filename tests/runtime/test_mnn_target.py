"""Files that MNN runs in a suite: sizes are those of the .mnn file, and MNN is a target with limits."""

import dataclasses
import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

import optkit
from optkit.build.artifact import zipped_size
from optkit.errors import ArtifactError
from optkit.judge.fits import fit
from optkit.record.card import file_to_ship, find_file
from optkit.record.facts import VariantFacts
from optkit.spec import Suite
from optkit.spec.running import Running
from tests.builders import a_run, benchmark
from tests.isolation import ROOT

pytest.importorskip("_mnncengine", reason="the extra mnn is not installed")

SUITE = """
schema = 2
name = "waves"
model = "waves.tflite"
data = "waves.npz"
task = "multiclass"

[variants.int8]
conversion = { mode = "int8" }

[variants.in_mnn]
conversion = { mode = "float32" }
runtime = "mnn"

[variants.small]
conversion = { mode = "float32" }
runtime = "mnn"
settings = { quantization = "weight_4" }

[targets.phone]
runtime = "mnn"
max_flash_bytes = 6_000
max_arena_bytes = 1_000_000
max_accuracy_drop = 0.1
max_peak_bytes = 50_000_000
max_single_sample_us = 1e6
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Suite, dict[str, VariantFacts], Any]:
    folder = tmp_path_factory.mktemp("waves")
    for name in ("waves.tflite", "waves.npz"):
        shutil.copy(ROOT / "docs/examples/tflite_only" / name, folder)
    (folder / "model.toml").write_text(SUITE)
    suite, dataset = optkit.open_suite(str(folder / "model.toml"))
    store = optkit.Store(folder / "store")
    artifacts = optkit.build_variants(suite, suite.variants, dataset, store)
    with optkit.KerasWorkers() as workers:
        return suite, optkit.gather(suite, artifacts, dataset, store, workers), store


def test_sizes_are_those_of_the_file_that_is_shipped(built: Any) -> None:
    """They were those of the .tflite file: a file of 4-bit weights was as large as the float one."""
    _, found, store = built
    for name in ("in_mnn", "small"):
        content, suffix = file_to_ship(found[name], store, "")
        assert isinstance(content, bytes)
        assert suffix == ".mnn"
        size = found[name].artifact
        assert (size.file_bytes, size.zip_bytes) == (len(content), zipped_size(content))
        assert size.sha256 == hashlib.sha256(content).hexdigest()
        assert size.size_ratio == pytest.approx(found["float32"].artifact.zip_bytes / size.zip_bytes)
    assert found["small"].artifact.zip_bytes < 0.5 * found["in_mnn"].artifact.zip_bytes
    path, suffix = file_to_ship(found["int8"], store, "")
    assert isinstance(path, Path)
    assert (suffix, path.stat().st_size) == (".tflite", found["int8"].artifact.file_bytes)
    assert find_file(found["small"], store, "").suffix == ".tflite"  # what was built, for looking into


def test_another_file_than_the_one_measured_is_not_shipped(built: Any) -> None:
    _, found, store = built
    changed = dataclasses.replace(found["small"].artifact, sha256="0" * 64)
    with pytest.raises(ArtifactError, match="and the run measured 000000000000; time it again"):
        file_to_ship(dataclasses.replace(found["small"], artifact=changed), store, "")


def test_the_target_measures_what_mnn_runs_and_refuses_what_it_cannot(built: Any) -> None:
    _, found, _ = built
    there = {name: facts.targets["phone"] for name, facts in found.items()}
    assert there["small"].figures["flash_bytes"] == found["small"].artifact.file_bytes
    assert there["in_mnn"].figures["flash_bytes"] == found["in_mnn"].artifact.file_bytes
    # a file that LiteRT runs in the suite is converted as it is
    assert there["float32"].figures["flash_bytes"] == there["in_mnn"].figures["flash_bytes"]
    for name in ("float32", "in_mnn", "small"):
        figures = there[name].figures
        assert figures["accuracy"] == pytest.approx(found[name].accuracy, abs=0.01)
        assert figures["arena_bytes"] > 0
        low, high = there[name].ranges["peak_bytes"]
        assert 0 < low <= figures["peak_bytes"] <= high
    assert (there["int8"].figures, "is quantized already" in there["int8"].refused) == ({}, True)
    assert there["small"].by == "mnn"
    assert 'quantization = "weight_4"' in there["small"].notes[0]


def test_a_time_counts_only_where_the_target_s_runtime_took_it(built: Any) -> None:
    """A time of LiteRT was taken for one of MNN, and the reverse."""
    suite, found, _ = built
    [target] = suite.targets
    times = [benchmark(found[name], 1e-5, "single_sample") for name in ("float32", "small")]
    times[1]["extra_info"]["optkit"]["running"] = {"runtime": "mnn", "settings": {"quantization": "weight_4"}}
    run = a_run(*times)
    assert run.timings[1].running == Running(runtime="mnn", settings={"quantization": "weight_4"})
    last = {name: fit(target, suite.variant(name), run).verdicts[-1] for name in ("float32", "small")}
    assert last["small"].status == "pass"
    assert last["float32"].status == "not comparable"
    assert "it was timed in litert; give the variant runtime = 'mnn'" in last["float32"].reason
