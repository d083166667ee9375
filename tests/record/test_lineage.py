"""How a file came to be, in words: every stage is named, and a parameter that is not its default is told."""

from optkit import read_run
from optkit.record.lineage import lineage, rebuild_command
from tests.builders import facts
from tests.isolation import ROOT

MNIST = read_run(ROOT / "docs" / "results" / "runs" / "mnist.json")


def test_a_recorded_chain_is_told_stage_by_stage() -> None:
    lines = lineage(MNIST.variants["pruned_qat_tflite"])
    assert lines[0] == "train mnist_conv (epochs 4, batch_size 32, optimizer adam, learning_rate 0.001)"
    assert [line.split()[0] for line in lines] == ["train", "prune", "quantize_aware", "convert"]
    assert "preserve sparsity" in lines[2]
    assert lines[3] == "convert to int8"


def test_what_another_version_recorded_is_told_as_it_stands() -> None:
    spec = {"model": {"sha256": "ab" * 32}, "steps": [{"technique": "new_one", "how": 3, "version": 1}]}
    assert lineage(facts(spec=spec)) == ["read the model file (sha256 abababababab)", "new_one (how 3)"]
    assert lineage(facts(spec={})) == []
    assert lineage(facts(spec={"network": "x\x1b", "training": {}, "steps": []})) == ["initialize x\\x1b"]


def test_the_command_names_suite_variant_and_data() -> None:
    assert rebuild_command(facts("int8")) == "optkit build tiny --variants int8 --data full"
    own = facts("int8", suite_path="/a b/s.toml")
    assert rebuild_command(own) == "optkit build '/a b/s.toml' --variants int8 --data full"
