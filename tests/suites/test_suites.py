"""Suite files: the built-in ones read, overrides lie where they should, mistakes are named with the nearest name."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optkit import SuiteError, load_suite
from optkit.suites import built_in, read_suite, tomllib
from optkit.suites.tables import overridden
from optkit.techniques.distill import Distill
from tests.conftest import SUITE


@pytest.mark.parametrize("name", built_in())
def test_built_in_suites_read(name: str) -> None:
    suite = load_suite(name)
    assert suite.name == name
    assert suite.gates


def test_mnist_has_the_variants_and_bounds_that_users_rely_on() -> None:
    suite = load_suite("mnist")
    expected = "baseline pruned qat float_tflite dynamic_range int8 pruned_tflite qat_tflite pruned_dynamic_range"
    assert [v.name for v in suite.variants] == [*expected.split(), "pruned_qat_tflite", "int16x8"]
    bounds = {v.name: {g.metric: g.bound_text for g in suite.gates_of(v)} for v in suite.variants}
    assert bounds["pruned"]["size_ratio"] == bounds["pruned_tflite"]["size_ratio"] == ">= 3"
    assert bounds["dynamic_range"]["size_ratio"] == bounds["int8"]["size_ratio"] == ">= 3.9"
    assert bounds["int16x8"]["size_ratio"] == ">= 3.7"
    assert bounds["qat_tflite"]["size_ratio"] == ">= 4.2"
    assert bounds["pruned_dynamic_range"]["size_ratio"] == bounds["pruned_qat_tflite"]["size_ratio"] == ">= 9"
    assert all(b["accuracy_drop"] == "<= 0.01" for b in bounds.values())
    assert {name for name, b in bounds.items() if b.get("speedup") == "> 1"} == set(bounds) - {
        "baseline",
        "pruned",
        "qat",
    }


@pytest.mark.parametrize("profile", ["quick", "paper"])
@pytest.mark.parametrize("data", ["mnist", "mnist-embedded"])
def test_the_distilled_student_is_compared_with_one_trained_as_long(profile: str, data: str) -> None:
    """Else a gain of distillation might be one of more training, or of another student."""
    suite = load_suite(f"mnist_distillation:{profile}", on=data)
    scratch, distilled = suite.variant("student_scratch"), suite.variant("student_distilled")
    (step,) = distilled.steps
    recipe = ("epochs", "batch_size", "learning_rate", "validation_split")
    assert [getattr(step, name) for name in recipe] == [getattr(scratch.training, name) for name in recipe]
    assert (scratch.network, suite.baseline) == (distilled.network, "student_scratch")
    assert distilled.training.epochs == 0


def test_the_paper_profile_is_the_public_examples_recipe() -> None:
    suite = load_suite("mnist_distillation:paper", on="mnist")
    teacher, distilled = suite.variant("teacher"), suite.variant("student_distilled")
    assert (teacher.network.params, distilled.network.params) == ({"filters": [256, 512]}, {"filters": [16, 32]})
    assert (teacher.training.epochs, teacher.training.batch_size) == (10, 32)
    (step,) = distilled.steps
    assert isinstance(step, Distill)
    assert (step.teacher, step.alpha, step.temperature, step.epochs) == ("teacher", 0.1, 10.0, 3)
    assert suite.variant("student_distilled_again").steps == (step, step)  # as the document's log has it


@pytest.mark.parametrize("name", built_in())
def test_int16x8_is_a_row_of_each_suite_of_a_trained_network(name: str) -> None:
    assert any(v.conversion and v.conversion.mode == "int16x8" for v in load_suite(name).variants)


def test_overrides_change_accuracy_bounds_per_data_set_and_never_size_bounds() -> None:
    full, small = load_suite("mnist", on="mnist"), load_suite("mnist", on="mnist-embedded")
    assert small.workload.training.epochs > full.workload.training.epochs
    for a, b in zip(full.gates, small.gates, strict=True):
        assert a == b or a.metric in ("accuracy", "accuracy_drop")
    assert full.gates != small.gates


def test_from_continues_the_chain_of_another_variant() -> None:
    suite = read_suite(tomllib.loads(SUITE))
    assert suite.variant("pruned_qat").steps[:1] == suite.variant("pruned").steps
    assert [step.technique for step in suite.variant("pruned_qat").steps] == ["prune", "quantize_aware"]


NAMES = st.sampled_from(["a", "b", "c"])
TABLES = st.recursive(
    st.integers(), lambda inner: st.dictionaries(NAMES, inner, max_size=3) | st.lists(inner, max_size=2), max_leaves=6
)


@given(st.dictionaries(NAMES, TABLES), st.dictionaries(NAMES, st.integers()))
def test_an_override_wins_and_the_rest_stays(base: dict[str, object], over: dict[str, int]) -> None:
    table = {**base, "on": {"x": over}}
    assert overridden(table, "x") == {**base, **over}
    assert overridden(table, "y") == overridden(table, None) == base


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs = 3", "epoch = 3", "workload.training: unknown key 'epoch'; did you mean 'epochs'"),
        ("epochs = 3", "epochs = 'many'", "Expected `int`, got `str`"),
        ("epochs = 3", "epochs = -1", "epochs is -1; expected 0 or more"),
        ('name = "tiny"', 'nam = "tiny"', "unknown key 'nam'; did you mean 'name'"),
        ("schema = 1", "schema = 7", "schema is 7; this optkit reads suite files of schema 1"),
        ('dataset = "mnist"', 'dataset = "mnits"', "no data set 'mnits'; did you mean 'mnist'"),
        ('"mnist_conv"', '"mnist_con"', "no network 'mnist_con'; did you mean 'mnist_conv'"),
        ("filters = 12", "filter = 4", "unknown parameter 'filter'; did you mean 'filters'"),
        ("filters = 12", "filters = 'x'", "expected a value like its default, 12"),
        ('"prune"', '"prunes"', "no technique 'prunes'; did you mean 'prune'"),
        ("final_sparsity = 0.8", "final_sparsity = 1.2", "variants.pruned.steps[0]: final_sparsity is 1.2"),
        ("final_sparsity = 0.8", "sparsity = 0.8", "unknown key 'sparsity'; did you mean 'final_sparsity'"),
        ('from = "pruned"', 'from = "pruend"', "no variant 'pruend' above; did you mean 'pruned'"),
        ('"float32"', '"float23"', "Invalid enum value 'float23'"),
        ('metric = "speedup"', 'metric = "speed"', "no metric 'speed'; did you mean 'speedup'"),
        ('kind = "tflite"', 'variants = ["int"]', "gates[1]: suite 'tiny' has no variant 'int'; did you mean 'int8'"),
        ('kind = "tflite"', 'relative_to = "in8"', "gates[1]: suite 'tiny' has no variant 'in8'; did you mean 'int8'"),
        ("above = 1.0", 'above = 1.0\nat = "95"', "gates[1]: at is '95'; expected a confidence"),
        ("above = 1.0", 'above = 1.0\nat = "95%"\ninconclusive = "maybe"', "Invalid enum value 'maybe'"),
        (
            "schema = 1",
            'schema = 1\nmodes = ["single_simple"]',
            "no mode 'single_simple'; did you mean 'single_sample'",
        ),
        ("schema = 1", "schema = 1\nmodes = []", "modes is empty; name some of single_sample"),
        ("schema = 1", 'schema = 1\nmodes = "full_set"', "Expected `array`, got `str` - at `modes`"),
        ("schema = 1", 'schema = 1\nmodes = ["full_set"]', "gates[1]: mode 'single_batch' is not among the suite's"),
        ("max = 0.5", "maximum = 0.5", "gates[0]: unknown key 'maximum'; did you mean 'max'"),
        ("max = 0.5", "max = 0.5\non.mnits = { max = 1 }", "no data set or profile 'mnits' here; did you mean 'mnist'"),
        ("max = 0.5", "max = 0.5\non.mnist-embedded = { mx = 1 }", "unknown key 'mx'; did you mean 'max'"),
        ("[workload]", 'baseline = "base"\n[workload]', "no variant 'base'; did you mean 'baseline'"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_the_nearest_name(old: str, new: str, message: str) -> None:
    assert old in SUITE
    with pytest.raises(SuiteError, match=re.escape(message)):
        read_suite(tomllib.loads(SUITE.replace(old, new, 1)))


def test_a_file_that_is_not_toml_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("schema = = 1")
    with pytest.raises(SuiteError, match="is not a TOML file"):
        load_suite(str(tmp_path / "bad.toml"))
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SuiteError, match="is not a TOML file"):
        load_suite(str(tmp_path / "binary.toml"))
    with pytest.raises(SuiteError, match="cannot be read"):
        load_suite(str(tmp_path / "missing.toml"))
    with pytest.raises(SuiteError, match="did you mean 'mnist'"):
        load_suite("mnits")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_suite_error(text: str) -> None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    with pytest.raises(SuiteError):
        read_suite(document)
