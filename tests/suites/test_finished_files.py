"""A finished .tflite file as a variant, in its short form and as a table."""

import pytest

from optkit.errors import SuiteError
from optkit.suites import load_suite
from tests.suites.test_short import SHORT


@pytest.fixture
def suite_file(tmp_path):
    return tmp_path / "own.toml"


def test_a_finished_file_is_a_variant_by_its_path(suite_file):
    suite_file.write_text(SHORT.replace('"int8"]', '"int8", "other/reference_int8.tflite"]'))
    suite = load_suite(str(suite_file))
    variant = suite.variant("reference_int8")
    assert (variant.network.name, variant.kind, variant.conversion) == ("other/reference_int8.tflite", "tflite", None)
    assert "reference_int8" in suite.gates[0].variants, "the budget holds for it as for others"


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ('[variants.a]\nmodel = "a.h5"', "variants.a.model is 'a.h5'; expected a finished .tflite file"),
        ('[variants.a]\nmodel = "a.tflite"\nconversion = { mode = "int8" }', "is finished.*drop conversion"),
    ],
)
def test_a_finished_file_stays_as_it_is(suite_file, tables, message):
    head = SHORT.replace('variants = ["dynamic_range", "int8"]\n', "").split("[[gates]]")[0]
    suite_file.write_text(f"{head}{tables}\n")
    with pytest.raises(SuiteError, match=message):
        load_suite(str(suite_file))


def test_two_files_of_one_name_are_told(suite_file):
    suite_file.write_text(SHORT.replace('"int8"]', '"int8", "a/x.tflite", "b/x.tflite"]'))
    with pytest.raises(SuiteError, match=r"variants\[3\]: there is a variant 'x' already; write it as a table"):
        load_suite(str(suite_file))


def test_a_baseline_that_is_the_file_itself_is_not_measured_twice(suite_file):
    text = SHORT.replace('variants = ["dynamic_range", "int8"]', 'baseline = "as_it_is"\nvariants = { as_it_is = {} }')
    suite_file.write_text(text.replace("budget", "# budget"))
    assert [variant.name for variant in load_suite(str(suite_file)).variants] == ["as_it_is"]
    suite_file.write_text(text.replace("as_it_is = {} }", 'as_it_is = { conversion = { mode = "int8" } } }'))
    assert [variant.name for variant in load_suite(str(suite_file)).variants] == ["float32", "as_it_is"]
