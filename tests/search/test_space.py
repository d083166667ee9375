"""The space: holes and their order, the default and whether its recipes are any, and where a search begins."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st

from optkit import OptkitError, SuiteError, load_suite
from optkit.data import Dataset
from optkit.measure.metrics import choose_scorer
from optkit.search.default import default_template, teachers_of
from optkit.search.hints import as_asked, suggested
from optkit.search.holes import Choices, Hole, Range, filled, holes, told
from optkit.search.sampler import Sampler
from optkit.search.sensitivity import zeros_endured
from optkit.search.space import _check_bounds
from optkit.search.trials import shortened, validating
from optkit.spec.bounds import read_bounds
from optkit.suites.variants import read_variants
from optkit.tflite.weights import Tensor, WeightFacts
from tests.tflite import models, networks

pytest.importorskip("optuna", reason="optuna is not installed: pip install 'optkit[search]'")

TEMPLATE: dict[str, Any] = {
    "steps": [
        {"technique": "prune", "optional": True, "final_sparsity": {"low": 0.5, "high": 0.9}, "epochs": 4},
        {"technique": "cluster", "optional": True, "clusters": {"choices": [4, 8]}, "epochs": 2},
    ],
    "conversion": {"mode": {"choices": ["dynamic_range", "int8"]}},
}


def test_holes_have_the_names_of_their_places() -> None:
    assert holes(TEMPLATE) == {
        "conversion.mode": Choices(choices=("dynamic_range", "int8")),
        "steps[0].optional": Choices(choices=(True, False)),
        "steps[0].final_sparsity": Range(low=0.5, high=0.9),
        "steps[1].optional": Choices(choices=(True, False)),
        "steps[1].clusters": Choices(choices=(4, 8)),
    }


def test_what_a_step_would_undo_is_kept_without_being_said() -> None:
    table = filled(TEMPLATE, lambda name, hole: hole.low if isinstance(hole, Range) else hole.choices[0])
    assert table["steps"][1]["preserve_sparsity"] is True
    without = filled(TEMPLATE, lambda name, hole: hole.low if isinstance(hole, Range) else hole.choices[-1])
    assert "steps" not in without


def test_a_step_that_is_left_out_is_not_asked_for() -> None:
    asked: list[str] = []

    def ask(name: str, hole: Hole) -> Any:
        asked.append(name)
        return False if name == "steps[0].optional" else 0.6 if isinstance(hole, Range) else hole.choices[0]

    filled(TEMPLATE, ask)
    assert "steps[0].final_sparsity" not in asked
    assert "steps[1].clusters" in asked


@pytest.mark.parametrize(
    ("hole", "said"),
    [
        ({"low": 2, "high": 1}, r"steps\[0\].x: .*low below high"),
        ({"low": 0, "high": 1, "log": True}, "more than 0"),
        ({"choices": [1]}, "two or more"),
        ({"low": 1, "high": 2, "lgo": True}, "unknown key 'lgo'"),
    ],
)
def test_a_hole_that_is_none_is_said_with_its_place(hole: dict[str, Any], said: str) -> None:
    with pytest.raises(SuiteError, match=said):
        holes({"steps": [{"technique": "prune", "x": hole}]})


def test_smallest_of_mnist_techniques_is_a_point_of_the_default_space() -> None:
    """But for the length of its trainings, of which the space has the nearest; and the search begins with it."""
    suite = load_suite("mnist_techniques")
    assert teachers_of(suite) == ("teacher",)
    template = default_template(suite, ("conv", "logits"), ("logits",))
    only = dataclasses.replace(suite, variants=tuple(v for v in suite.variants if v.name in ("baseline", "smallest")))
    (point,) = suggested(template, only)
    space = holes(template)
    table = filled(template, lambda name, hole: point[name])
    teacher = {"network": "mnist_teacher"}
    *_, found = read_variants({"teacher": teacher, "found": table}, suite.workload)  # and it is a recipe
    wanted = suite.variant("smallest")
    assert [step.technique for step in found.steps] == [step.technique for step in wanted.steps]
    distill, prune, cluster = (vars(step) for step in found.steps)
    assert (distill["epochs"], prune["epochs"], cluster["epochs"], cluster["clusters"]) == (8, 14, 8, 8)
    assert prune["sparsity_by_layer"] == {"conv": 0.0, "logits": 0.94}
    assert found.conversion
    assert (found.conversion.mode, found.conversion.strip) == ("dynamic_range", "smallest")
    sampler = Sampler(1, 1)
    sampler.begin_with([as_asked(point, space)])
    asked = sampler.ask()
    assert filled(template, asked) == table


def test_every_recipe_of_the_default_space_is_one() -> None:
    """Whatever the sampler asks for: the order of the steps, and what each conversion takes."""
    suite = load_suite("mnist_techniques")
    for scaled in (False, True):
        template = default_template(suite, ("conv", "logits"), ("logits",), scaled=scaled)
        sampler = Sampler(3, 1, random=True)
        for _ in range(80):
            table = filled(template, sampler.ask())
            *_, found = read_variants({"teacher": {"network": "mnist_teacher"}, "found": table}, suite.workload)
            assert found.conversion


def test_the_parameters_of_a_network_may_be_searched() -> None:
    suite = load_suite("mnist")
    width = {"choices": [0.5, 0.75]}
    template = {"network": {"name": "mnist_conv", "params": {"width": width}}, "conversion": {"mode": "int8"}}
    assert list(holes(template)) == ["network.params.width"]
    table = validating(filled(template, lambda name, hole: hole.choices[1]), 0.1)  # type: ignore[union-attr]
    (found,) = read_variants({"found": table}, suite.workload)
    assert found.network.params == {"width": 0.75}
    assert found.training.validation_split == 0.1


def test_a_choice_may_have_holes_of_its_own() -> None:
    slim = [{"technique": "slim", "ratio": {"low": 0.1, "high": 0.5}}, {"technique": "fold"}]
    template = {
        "steps": [{"choices": [[], slim]}, {"technique": "finetune", "epochs": 2}],
        "conversion": {
            "choices": [{"mode": "int8"}, {"mode": "float32", "layers": {"a": {"choices": ["int8", "int4"]}}}]
        },
    }
    assert list(holes(template)) == [
        "steps[0]",
        "steps[0][1][0].ratio",
        "conversion",
        "conversion[1].layers.a",
    ]
    last = filled(template, lambda name, hole: hole.high if isinstance(hole, Range) else hole.choices[-1])
    assert [step["technique"] for step in last["steps"]] == ["slim", "fold", "finetune"]
    assert last["steps"][0]["ratio"] == 0.5
    assert last["conversion"] == {"mode": "float32", "layers": {"a": "int4"}}
    asked: dict[str, Hole] = {}

    def first(name: str, hole: Hole) -> Any:
        asked[name] = hole
        return hole.low if isinstance(hole, Range) else hole.choices[0]

    assert filled(template, first)["steps"] == [{"technique": "finetune", "epochs": 2}]
    assert list(asked) == ["conversion", "steps[0]"], "what is not chosen is not asked for"
    assert told(asked["steps[0]"], slim) == "2: slim + fold"
    assert told(asked["conversion"], {"mode": "int8"}) == "1: int8"


@given(part=st.sampled_from([0.25, 0.5, 1.0]), epochs=st.integers(1, 40))
def test_a_rung_trains_a_part_and_never_nothing(part: float, epochs: int) -> None:
    table = {"steps": [{"technique": "prune", "epochs": epochs}, {"technique": "fold"}]}
    short = shortened(validating(table, 0.2), part)
    assert 1 <= short["steps"][0]["epochs"] <= epochs
    assert short["steps"][0]["validation_split"] == 0.2
    assert short["steps"][1] == {"technique": "fold"}
    assert table["steps"][0] == {"technique": "prune", "epochs": epochs}


def test_each_layer_takes_some_zeros_untrained(tmp_path: Path) -> None:
    """Of eight weights one tells the classes apart: seven can be zero (0.9 of 8, rounded), and not all (0.95)."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype(np.float32)
    weights = np.array([[4.0, 0.001, 0.002, 0.001], [-4.0, 0.001, 0.002, 0.003]], np.float32)
    path = tmp_path / "one.tflite"
    graph = networks.Graph()
    graph.buffers.append(models.buffer(weights))
    graph.tensors.append(models.tensor([2, 4], 1, "one/kernel"))
    y = graph.add([1, 2], "y")
    given = graph.add([1, 4], "x")
    graph.apply(networks.KIND.FULLY_CONNECTED, [given, 0, -1], [y], schema.FullyConnectedOptionsT())
    path.write_bytes(models.pack(graph.model([given], [y])))
    labels = (x[:, 0] < 0).astype(np.int64)
    empty = np.empty(0)
    data = Dataset(name="d", origin="", digest="0", classes=2, x_train=empty, y_train=empty, x_test=x, y_test=labels)
    scorer = choose_scorer(None, "multiclass")
    assert zeros_endured(path, {"one": ["one/kernel"]}, data, scorer, 0.05) == {"one": 0.9}


def facts(*elements: int) -> WeightFacts:
    plain: dict[str, Any] = {"dtype": "float32", "zeros": 0.0, "distinct": 9, "distinct_in_scale": 9, "sparse_2_4": 0.0}
    tensors = tuple(Tensor(name="w", elements=count, layers=("w",), **plain) for count in elements)
    return WeightFacts(tensors=tensors, leftovers=())


def test_a_bound_that_low_bit_files_keep_is_not_refused() -> None:
    """The documents' network, 108 and 20,280 weights, was 6,832 bytes with its dense layer in 2 bits."""
    check = partial(_check_bounds, path=Path("unread"), facts=facts(108, 20_280))
    check({}, bounds=read_bounds({"max_file_bytes": 6_832}))
    with pytest.raises(OptkitError, match=r"the file takes 5,097 with all weights in 2 bits"):
        check({}, bounds=read_bounds({"max_file_bytes": 5_000}))
    check({"conversion": {"sparse": True}}, bounds=read_bounds({"max_file_bytes": 5_000}))
