"""A whole pytest session on data without labels."""

import json
from pathlib import Path

import pytest

from tests.conftest import Command

UNLABELLED = """
schema = 1
name = "sizes"
baseline = "float"
modes = ["single_sample"]

[workload]
dataset = { name = "imagenet", params = { size = 32 } }
network = { name = "vgg16_bn", params = { width = 0.03 } }
training = { epochs = 0 }

[variants.float]
conversion = { mode = "float32" }

[variants.dynamic_range]
conversion = { mode = "dynamic_range" }

[[gates]]
metric = "size_ratio"
variants = ["dynamic_range"]
min = 2
"""


@pytest.mark.slow
def test_data_without_labels_give_sizes_and_times_of_the_modes_asked_for_and_no_accuracy(
    session, here: Command, tmp_path: Path
) -> None:
    (tmp_path / "sizes.toml").write_text(UNLABELLED)
    saved = tmp_path / "run.json"
    store = ("--store", str(tmp_path / "store"))
    done = session(*store, "--benchmark-json", str(saved), "--threads", "1", suite=tmp_path / "sizes.toml")
    assert done.returncode == 0, done.stdout + done.stderr
    infos = [b["extra_info"]["optkit"] for b in json.loads(saved.read_text())["benchmarks"]]
    assert [(i["variant"], i["mode"]) for i in infos] == [(v, "single_sample") for v in ("float", "dynamic_range")]
    assert {(i["accuracy"], i["accuracy_drop"], i["correct"]) for i in infos} == {(None, None, None)}
    assert "not measured" in done.stdout
    assert "imagenet-unlabelled (16 train, 16 test" in done.stdout
    gate = here("optkit", "gate", str(saved))
    assert gate.returncode == 0, gate.stdout + gate.stderr
    assert not list((tmp_path / "store").rglob("evaluation.json")), "nothing is evaluated"
    training = UNLABELLED.replace("epochs = 0", "epochs = 1")
    (tmp_path / "sizes.toml").write_text(training)
    done = here("optkit", "build", str(tmp_path / "sizes.toml"), *store)
    assert done.returncode == 2
    assert "the data have no labels to train on" in done.stderr
