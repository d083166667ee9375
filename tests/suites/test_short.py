from typing import Any

import pytest

from optkit.errors import SuiteError
from optkit.judge.gates import Verdict
from optkit.judge.update import new_bounds
from optkit.spec import OwnModel, OwnSource
from optkit.suites import built_in, load_suite
from optkit.suites.edit import difference, gate_places, rounded_out, set_values
from optkit.suites.form import read_toml
from optkit.suites.short import long_form

SHORT = """schema = 2
name = "own"  # mine
model = "model.tflite"
data = "data.npz"
task = "multiclass"
variants = ["dynamic_range", "int8"]
budget = { file_bytes = 100_000, drop = 0.005, single_sample_us = 300 }  # loose

[[gates]]
metric = "size_ratio"
min = 3  # at least
"""


@pytest.fixture
def suite_file(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(SHORT)
    return path


def test_a_short_file_is_a_whole_suite(suite_file):
    suite = load_suite(str(suite_file))
    assert suite.baseline == "float32"
    assert [v.name for v in suite.variants] == ["float32", "dynamic_range", "int8"]
    assert {v.kind for v in suite.variants} == {"tflite"}
    assert suite.variant("float32").conversion is None  # the file itself
    assert isinstance(suite.workload.network, OwnModel)
    assert isinstance(suite.workload.dataset, OwnSource)
    assert suite.folder == suite_file.parent
    gates = {(g.metric, g.modes): (g.bounds, g.variants) for g in suite.gates}
    assert gates["file_bytes", ()] == ({"max": 100_000.0}, ("dynamic_range", "int8"))
    assert gates["drop", ()][0] == {"max": 0.005}
    [(bounds, _)] = [value for (metric, modes), value in gates.items() if modes == ("single_sample",)]
    assert bounds["max"] == pytest.approx(3e-4)


def test_a_keras_model_has_a_float_file_as_its_baseline(suite_file):
    suite_file.write_text(SHORT.replace("model.tflite", "model.h5").replace('"int8"]', '"pruned_int8"]'))
    suite = load_suite(str(suite_file))
    conversion = suite.variant("float32").conversion
    assert conversion
    assert conversion.mode == "float32"
    assert [step.technique for step in suite.variant("pruned_int8").steps] == ["prune"]
    assert suite.workload.training.epochs == 0


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('["dynamic_range", "int8"]', '["int9"]', ["variants[0]", "int9", "int8"]),
        ('["dynamic_range", "int8"]', '["pruned_int8"]', ["trains", ".tflite"]),
        ('["dynamic_range", "int8"]', "3", ["variants", "recipes"]),
        ("drop = 0.005", "dorp = 0.005", ["budget", "dorp", "drop"]),
        ("drop = 0.005", 'drop = "x"', ["budget.drop", "number"]),
        ('data = "data.npz"', "", ["data is missing", "data.npz"]),
        ('data = "data.npz"', 'data = { path = "data.npz", siez = 3 }', ["siez", "size"]),
        ('model = "model.tflite"', "model = 3", ["model is 3"]),
        ('model = "model.tflite"', 'model = "m.h5"\n[workload]\nnetwork = "mnist_conv"', ["model"]),
        ("schema = 2", "schema = 1", ["schema 2"]),
        ("schema = 2", "schema = true", ["schema"]),
        ("schema = 2", "schema = 3", ["schema is 3", "1 and 2"]),
    ],
)
def test_what_is_wrong_is_one_line_that_says_so(suite_file, old, new, words):
    suite_file.write_text(SHORT.replace(old, new))
    with pytest.raises(SuiteError) as error:
        load_suite(str(suite_file))
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_tables_stay_as_they_are_in_schema_2():
    document = {"schema": 2, "model": "m.h5", "data": "d.npz", "variants": {"mine": {"conversion": {"mode": "int8"}}}}
    found = long_form(document)
    assert list(found["variants"]) == ["float32", "mine"]
    assert found["workload"] == {"model": "m.h5", "data": "d.npz"}


def test_a_suite_extends_another_one(tmp_path):
    path = tmp_path / "fashion.toml"
    path.write_text('schema = 1\nname = "fashion"\nextends = "mnist"\nworkload = { dataset = "fashion_mnist" }\n')
    suite = load_suite(str(path))
    assert suite.workload.dataset.name == "fashion_mnist"
    assert [v.name for v in suite.variants] == [v.name for v in load_suite("mnist").variants]
    loop = tmp_path / "loop.toml"
    loop.write_text('schema = 1\nname = "loop"\nextends = "loop.toml"\n')
    with pytest.raises(SuiteError, match="extends itself"):
        load_suite(str(loop))


def test_another_data_set_is_one_option():
    suite = load_suite("mnist", data="fashion_mnist")
    assert suite.workload.dataset.name == "fashion_mnist"
    assert load_suite("mnist", "fashion_mnist").workload.dataset.name == "fashion_mnist"  # what a run says of itself
    with pytest.raises(SuiteError, match="did you mean 'mnist'"):
        load_suite("mnist", data="mnits")


def verdict(gate, value, **more):
    return Verdict(variant="int8", gate=gate, status="pass", value=value, **more)


def test_gates_move_to_what_was_measured_and_comments_stay(suite_file):
    suite = load_suite(str(suite_file))
    by_metric = {gate.metric: gate for gate in suite.gates}
    verdicts = [
        verdict(by_metric["file_bytes"], 23_192.0),
        verdict(by_metric["drop"], -0.0011),
        verdict(by_metric["seconds"], 1.6e-5),
        verdict(by_metric["size_ratio"], 4.1837),
        verdict(by_metric["size_ratio"], 4.5),
    ]
    places = gate_places(read_toml(suite_file), suite.gates, ["data", ""])
    after = set_values(SHORT, new_bounds(places, verdicts))
    assert "# mine" in after
    assert "# at least" in after
    assert "# loose" in after
    suite_file.write_text(after)
    moved = {gate.metric: gate.bounds for gate in load_suite(str(suite_file)).gates}
    assert moved["file_bytes"] == {"max": 23_200.0}
    assert moved["drop"] == {"max": 0.0}  # a gain is no reason to fail a run without one
    assert moved["seconds"]["max"] == pytest.approx(2e-5)
    assert moved["size_ratio"] == {"min": 4.183}
    assert "-min = 3" in difference(SHORT, after, "own.toml")


@pytest.mark.parametrize(
    ("value", "up", "expected"),
    [
        (23_192.0, True, 23_200.0),
        (0.123456, True, 0.1235),
        (0.123456, False, 0.1234),
        (4.0, False, 4.0),
        (0.0, True, 0.0),
    ],
)
def test_bounds_are_rounded_away_from_the_value(value, up, expected):
    assert rounded_out(value, up) == pytest.approx(expected)


@pytest.mark.parametrize("name", [*built_in(), "short"])
def test_the_json_schema_takes_every_suite(name, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    from optkit.suites import place_of
    from optkit.suites.json_schema import suite_schema

    if name == "short":
        path = tmp_path / "own.toml"
        path.write_text(SHORT)
    else:
        path = place_of(name)
    jsonschema.validate(read_toml(path), suite_schema())


def test_the_json_schema_refuses_a_wrong_key(suite_file):
    jsonschema = pytest.importorskip("jsonschema")
    from optkit.suites.json_schema import suite_schema

    gates = [{"metric": "acuracy", "min": 1}]
    broken: list[Any] = [{"budgte": {}}, {"gates": gates}, {"variants": {"a": {"steps": [{}]}}}]
    for wrong in broken:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**read_toml(suite_file), **wrong}, suite_schema())


@pytest.mark.parametrize(
    "wrong",
    ['scale = "wrong"', "size = 12", "mean = 0.5", 'channels_first = "yes"', "test_share = [0.2]", "seed = 1.5"],
)
def test_a_data_table_of_the_wrong_type_is_refused_when_the_file_is_read(suite_file, wrong):
    """Before, it came to light in the middle of numpy, as a defect of optkit."""
    table = f'data = {{ path = "data.npz", {wrong} }}'
    suite_file.write_text(SHORT.replace('data = "data.npz"', table))
    with pytest.raises(SuiteError, match=rf"Expected .* - at `workload.data.{wrong.split()[0]}"):
        load_suite(str(suite_file))


def test_a_data_table_takes_what_reads_data():
    from optkit.suites.form import DataTable
    from optkit.suites.own import DATA_KEYS

    assert set(DataTable.__struct_fields__) == {"path", *DATA_KEYS}


def drops(suite_file, gate):
    suite_file.write_text(SHORT.replace("[[gates]]", f"[[gates]]\n{gate}\n[[gates]]"))
    return [(g.bounds, g.variants) for g in load_suite(str(suite_file)).gates if g.metric in ("drop", "accuracy_drop")]


@pytest.mark.parametrize("metric", ["drop", "accuracy_drop"])
def test_a_gate_that_names_a_variant_takes_the_budgets_place(suite_file, metric):
    """A variant that may lose more than the others was held to both, so its own gate said nothing."""
    found = drops(suite_file, f'metric = "{metric}"\nmax = 0.3\nvariants = ["int8"]')
    assert found == [({"max": 0.005}, ("dynamic_range",)), ({"max": 0.3}, ("int8",))]


@pytest.mark.parametrize(
    "gate",
    [
        'metric = "drop"\nmax = 0.3',  # names none
        'metric = "drop"\nmin = -0.3\nvariants = ["int8"]',  # on the other side
        'metric = "drop"\nmax = 0.3\nat = "95%"\nvariants = ["int8"]',  # for a confidence bound
    ],
)
def test_any_other_gate_stands_beside_the_budget(suite_file, gate):
    assert ({"max": 0.005}, ("dynamic_range", "int8")) in drops(suite_file, gate)


def test_a_gate_on_other_modes_stands_beside_the_budget(suite_file):
    table = 'metric = "seconds"\nmax = 1\nvariants = ["int8"]'
    for modes, left in (("full_set", ("dynamic_range", "int8")), ("single_sample", ("dynamic_range",))):
        suite_file.write_text(SHORT.replace("[[gates]]", f'[[gates]]\n{table}\nmodes = ["{modes}"]\n[[gates]]'))
        timed = [g.variants for g in load_suite(str(suite_file)).gates if g.max == pytest.approx(3e-4)]
        assert timed == [left]


def test_a_budget_that_holds_for_no_variant_is_no_gate(suite_file):
    """A suite of optkit init, of which all variants but the one that trains were taken out."""
    found = drops(suite_file, 'metric = "drop"\nmax = 0.3\nvariants = ["int8", "dynamic_range"]')
    assert found == [({"max": 0.3}, ("int8", "dynamic_range"))]
    suite = load_suite(str(suite_file))
    placed = {
        gate.metric: place
        for gate, bounds in gate_places(read_toml(suite_file), suite.gates, [])
        for place, _ in bounds.values()
    }
    assert placed["file_bytes"] == ("budget", "file_bytes")
    assert placed["seconds"] == ("budget", "single_sample_us")
    assert placed["drop"] == ("gates", 0, "max")


def test_the_budget_moves_by_what_it_holds_and_a_gate_by_its_own(suite_file):
    drops(suite_file, 'metric = "drop"\nmax = 0.3\nvariants = ["int8"]')
    document = read_toml(suite_file)
    suite = load_suite(str(suite_file))
    places = {place for _, bounds in gate_places(document, suite.gates, []) for place, _ in bounds.values()}
    assert {("budget", "drop"), ("gates", 0, "max"), ("gates", 1, "min")} <= places
