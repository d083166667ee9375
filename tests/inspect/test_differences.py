"""Two files: each seeded change is found at its place, and nothing else is told."""

import random
from pathlib import Path

import pytest

from benchmarks.studies.inspect_edits.attempt import nothing_is_found, packed, try_edit
from benchmarks.studies.inspect_edits.edits import EDITS
from benchmarks.studies.inspect_edits.networks import NETWORKS, network
from optkit.cli import main
from optkit.inspect.differences import compare_graphs
from optkit.inspect.reading import read_graphs
from optkit.report.inspect_pair import differences_text
from optkit.tflite.verify import verify
from tests.tflite.models import dense_model, pack

BASES = {
    (name, integer): packed(network(name, number, integer))
    for number, name in enumerate(NETWORKS)
    for integer in (False, True)
}


@pytest.mark.parametrize("edit", EDITS)
def test_each_edit_is_found_and_nothing_else(edit: str) -> None:
    """Catches matching by names, numbers or order, a consequence told as a change, and a change told twice."""
    made = 0
    for (name, integer), base in BASES.items():
        for seed in range(3):
            outcome = try_edit(base, EDITS[edit], random.Random(f"test/{seed}/{name}/{integer}"))
            if outcome is not None:
                made += 1
                assert outcome == (True, []), (name, integer, seed, outcome)
    assert made >= 6


@pytest.mark.parametrize(("name", "integer"), BASES)
def test_a_file_in_another_order_and_without_names_is_the_same(name: str, integer: bool) -> None:
    assert all(nothing_is_found(BASES[name, integer], random.Random(seed)) for seed in range(3))


def test_a_test_of_edits_can_fail() -> None:
    """An edit that is not made is not found."""
    hit, wrong = try_edit(BASES["plain", False], lambda model, rng: EDITS["one weight"](model, rng), random.Random(1))  # type: ignore[misc]
    assert (hit, wrong) == (True, [])
    model = verify(BASES["plain", False], Path("model"))
    assert compare_graphs(read_graphs(model), read_graphs(model), model, model).found == ()


def compared(base, head):
    models = [verify(pack(one), Path("model")) for one in (base, head)]
    return compare_graphs(*map(read_graphs, models), *models)


def test_a_change_of_all_types_is_counted_and_not_told_tensor_by_tensor() -> None:
    float_net, integer = (verify(BASES["deep", whole], Path("model")) for whole in (False, True))
    found = compare_graphs(read_graphs(float_net), read_graphs(integer), float_net, integer)
    assert found.match.removed == found.match.added == ()
    assert {one.kind for one in found.found} == {"type"}
    text = differences_text(found)
    assert "type: float32 -> int8 in" in text
    assert len(text.splitlines()) < 12


def test_inputs_of_another_shape_are_told_once_and_what_follows_is_said() -> None:
    head = dense_model()
    head.subgraphs[0].tensors[0].shape = [2, 4]
    head.subgraphs[0].tensors[3].shape = [2, 3]
    found = compared(dense_model(), head)
    assert [(one.kind, one.title, one.what) for one in found.roots()] == [("shape", "graph", "input 0")]
    assert len(found.found) == 2


def test_the_command_compares_two_files(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for name, integer in (("float", False), ("int8", True)):
        (tmp_path / f"{name}.tflite").write_bytes(BASES["plain", integer])
    paths = [str(tmp_path / f"{name}.tflite") for name in ("float", "int8")]
    assert main(["inspect", *paths]) == 0
    text = capsys.readouterr().out
    assert "weights, bytes" in text
    assert "differences in what they compute" in text
    assert "--profile" in text
    assert main(["inspect", paths[0], paths[0]]) == 0
    assert "no difference in what they compute" in capsys.readouterr().out
