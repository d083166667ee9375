"""Documents from outside: a typed form, a bounded depth, and no exception but ours whatever the bytes are."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.studies.mutate_documents import ROOT, nested, outcome, read_suite_file, run_cases, suite_cases, use_run
from optkit import OptkitError, Store, SuiteError, load_suite, read_run
from optkit.files.documents import MOST_LEVELS, DocumentError, check_levels, decode_json, typed
from tests.conftest import SUITE

SMALL = ROOT / "docs" / "results" / "runs" / "mnist_techniques.json"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "it is not JSON"),
        (b'{"a": "\xff"}', "it is not JSON"),
        (b'{"a": 1}', "Expected `str`, got `int` - at `[...]`"),
        (b"[]", "Expected `object`, got `array`"),
        (b'{"a": ' + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_not_of_the_form_is_one_error_in_one_line(data: bytes, message: str) -> None:
    form = dict[str, Any] if b"[" in data[:10] and b"{" in data else dict[str, str]
    with pytest.raises(DocumentError) as error:
        decode_json(data, form)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_levels_are_counted_without_recursion() -> None:
    check_levels(nested(MOST_LEVELS, table=True))
    for table in (True, False):
        with pytest.raises(DocumentError, match="nested too deeply"):
            check_levels(nested(50_000, table))


def test_a_number_that_is_too_large_for_its_type_is_an_error() -> None:
    with pytest.raises(DocumentError):
        typed(10**400, float)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "tiny"', 'name = "tiny"\non = 1', "on is 1; expected tables"),
        ('dataset = "mnist"', 'dataset = "mnist"\non.mnist = { dataset = 3 }', "at `workload.dataset`"),
        ("[variants.baseline]", "[variants.baseline]\nsteps = 3", "Expected `array`, got `int`"),
        (
            "[variants.baseline]",
            "[variants.baseline]\nfrom = [1]",
            "variants.baseline: Expected `str | null`",
        ),
        ("[variants.baseline]", "[variants.baseline]\ntraining = 3", "Expected `object`, got `int`"),
        ("[variants.baseline]", "[variants.baseline]\non.mnist = { training = 3 }", "Expected `object`, got `int`"),
        ('technique = "prune"', "technique = []", "Expected `str | null`, got `array`"),
        ("learning_rate = 0.005", "learning_rate = inf", "workload.training.learning_rate is inf; expected a finite"),
        ("max = 0.5", "max = nan", "gates[0].max is nan; expected a finite number"),
        ("filters = 12", "filters = " + "9" * 5000, "is not a TOML file"),
        ("filters = 12", "filters = " + "[" * 50_000, "is nested too deeply"),
        ("filters = 12", "a" + ".a" * 200 + " = 1", "nested too deeply"),
    ],
)
def test_a_suite_of_the_wrong_form_is_one_error(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SUITE
    path = tmp_path / "s.toml"
    path.write_text(SUITE.replace(old, new, 1))
    with pytest.raises(SuiteError) as error:
        load_suite(str(path))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_gates_that_are_no_tables_are_one_error(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text("gates = 3\n" + SUITE[: SUITE.index("[[gates]]")])
    with pytest.raises(SuiteError, match="Expected `array`, got `int` - at `gates`"):
        load_suite(str(path))


def test_a_suite_with_a_byte_that_is_not_utf8_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(SUITE.encode() + b"# \xff\n")
    with pytest.raises(SuiteError, match="is not a TOML file"):
        load_suite(str(path))
    with pytest.raises(SuiteError, match="is not a TOML file"):
        load_suite("with\0nul.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"machine_info": {', b'"machine_info": null, "x": {', "`machine_info`"),
        (b'"cpu": {', b'"cpu": 3, "x": {', "`cpu`"),
        (b'"datetime": "', b'"datetime": null, "x": "', "`datetime`"),
        (b'"benchmarks": [', b'"benchmarks": {}, "x": [', "`benchmarks`"),
        (b'"stats":{', b'"stats":3,"x":{', "`benchmarks[0].stats`"),
        (b'"extra_info":{', b'"extra_info":[],"x":{', "`benchmarks[0].extra_info`"),
        (b'"name":"', b'"name":"\xff', "it is not JSON"),
        (b'"spec":{', b'"spec":{"libraries":3},"x":{', "at `libraries`"),
        (b'"machine_info": {', b'"machine_info": {"x": ' + b"[" * 60 + b"]" * 60 + b", ", "nested too deeply"),
        (b'"machine_info": {', b'"machine_info": {"x": ' + b"[" * 50_000, "nested too deeply"),
    ],
)
def test_a_saved_run_of_the_wrong_form_is_one_error(tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    data = SMALL.read_bytes()
    assert old in data
    path = tmp_path / "run.json"
    path.write_bytes(data.replace(old, new, 1))
    with pytest.raises(OptkitError, match=r"run\.json") as error:
        read_run(path)
    assert message in str(error.value)


def test_damaged_suites_and_runs_give_no_exception_but_ours(tmp_path: Path) -> None:
    """Some of what `python -m benchmarks.studies.mutate_documents` tries, from another seed."""
    found = []
    for about, data in suite_cases(28, seed=7):
        path = tmp_path / "suite.toml"
        path.write_bytes(data)
        found.append((about, *outcome(lambda path=path: read_suite_file(path))))  # type: ignore[misc]
    store, folder = Store(tmp_path / "store"), tmp_path / "runs"
    folder.mkdir()
    for about, good, data in run_cases(24, seed=7, paths=[SMALL]):
        path = folder / "run.json"
        path.write_bytes(data)
        found.append((about, *outcome(lambda path=path, good=good: use_run(path, good, store))))  # type: ignore[misc]
    assert [(about, trace) for about, word, trace in found if word.startswith("defect")] == []
    assert {word for _, word, _ in found} == {"read", "refused"}
