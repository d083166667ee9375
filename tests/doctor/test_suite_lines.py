"""The lines that make a recipe permanent are read as that recipe, in every kind of suite file."""

import dataclasses

import numpy as np
import pytest

from optkit import load_suite
from optkit.doctor.suite_lines import conversion_keys, for_files, for_suite, unused_name
from optkit.spec import Conversion
from tests.conftest import SUITE
from tests.tflite.models import pack
from tests.tflite.networks import classifier

RECIPE = Conversion(
    mode="int8",
    calibration="percentile",
    percentile=99.9,
    calibration_samples=77,
    layers={"con'v": "float32", 'lo"g.its': "int4"},
    equalize=True,
    algorithm="octav",
)


def test_all_keys_that_are_not_the_default_are_there():
    assert conversion_keys(Conversion()) == {"mode": "float32"}
    assert Conversion(**conversion_keys(RECIPE)) == RECIPE


def test_lines_at_the_end_of_a_suite(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(SUITE)
    suite = load_suite(str(path))
    name = unused_name(suite, "int8")
    assert name == "int8_2"
    recipe = dataclasses.replace(RECIPE, layers={"conv": "float32"})
    path.write_text(f"{SUITE}\n{for_suite(suite, 'pruned_qat', recipe, (), name)}\n")
    found = load_suite(str(path)).variant(name)
    assert found.conversion == recipe
    assert found.steps == suite.variant("pruned_qat").steps


def test_a_step_before_the_conversion(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(SUITE)
    lines = for_suite(load_suite(str(path)), "int8", Conversion(mode="int8"), ("fold",), "folded")
    path.write_text(f"{SUITE}\n{lines}\n")
    assert [step.technique for step in load_suite(str(path)).variant("folded").steps] == ["fold"]


def own_suite(tmp_path, variants):
    (tmp_path / "model.tflite").write_bytes(pack(classifier()))
    x, y = np.zeros((20, 16), np.float32), np.arange(20) % 5
    np.savez(tmp_path / "data.npz", x=x, y=y)
    text = 'schema = 2\nname = "own"\nmodel = "model.tflite"\ndata = "data.npz"\n'
    path = tmp_path / "own.toml"
    path.write_text(f"{text}{variants}\nbudget = {{ drop = 0.1 }}\n")
    return path


def test_where_variants_are_a_list_the_lines_take_its_place(tmp_path):
    """TOML has no room for [variants.x] beside variants = [...]."""
    listed = 'variants = ["dynamic_range", "int8"]'
    path = own_suite(tmp_path, listed)
    before = load_suite(str(path))
    lines = for_suite(before, "int8", RECIPE, (), "mended")
    assert listed in lines.splitlines()[0]
    path.write_text(f"{path.read_text().replace(listed, '')}\n{lines}\n")
    after = load_suite(str(path))
    assert after.variant("mended").conversion == RECIPE
    for variant in before.variants:
        assert after.variant(variant.name) == variant


@pytest.mark.parametrize("data", ["data.npz", "mnist", None])
def test_a_whole_file_for_two_files(tmp_path, data):
    path = own_suite(tmp_path, 'variants = ["int8"]')
    text = for_files("model.tflite", data, "multiclass", RECIPE, "int8_mended")
    path.write_text(text if data else text.replace("# data", "data"))
    suite = load_suite(str(path))
    assert suite.variant("int8_mended").conversion == RECIPE
    assert suite.workload.known_task == "multiclass"
