"""What `optkit ab` compares: files, saved builds, stores; and what has no partner."""

from pathlib import Path

import pytest

from optkit import OptkitError, load_dataset, load_suite
from optkit.judge.pairs import Pair, find_pairs
from tests.builders import artifact, saved_build


def test_two_files_are_one_pair(built_store: Path) -> None:
    base, head = artifact(built_store, "float32"), artifact(built_store, "int8")
    assert find_pairs(base, head).pairs == (Pair("model.tflite", base, head),)


def test_a_model_is_known_by_its_content(built_store: Path, tmp_path: Path) -> None:
    other = tmp_path / "model.bin"
    other.write_bytes(artifact(built_store, "int8").read_bytes())
    assert find_pairs(other, artifact(built_store, "int8")).pairs[0].name == "model.bin → model.tflite"


def test_saved_builds_are_paired_by_variant(built_store: Path, tmp_path: Path) -> None:
    one, two = artifact(built_store, "float32"), artifact(built_store, "int8")
    keras = tmp_path / "model.h5"
    keras.write_bytes(b"keras")
    base = saved_build(tmp_path / "base.json", {"keras": keras, "a": one, "gone": one})
    head = saved_build(tmp_path / "head.json", {"keras": keras, "come": two, "a": two})
    found = find_pairs(base, head)
    assert (found.pairs, found.missing, found.new) == ((Pair("a", one, two),), ("gone",), ("come",))


def test_stores_are_searched_for_the_variants_of_a_suite(
    built_store: Path, tiny_suite: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTKIT_DATA", str(tiny_data))
    suite = load_suite(str(tiny_suite))
    found = find_pairs(built_store, built_store, lambda store: (suite, load_dataset("mnist", "full")))
    assert [pair.name for pair in found.pairs] == ["float_tflite", "int8", "pruned_qat"]
    with pytest.raises(OptkitError, match="say with --suite"):
        find_pairs(built_store, built_store)


def test_what_cannot_be_paired(built_store: Path, tmp_path: Path) -> None:
    model = artifact(built_store, "int8")
    a = saved_build(tmp_path / "a.json", {"a": model})
    b = saved_build(tmp_path / "b.json", {"b": model})
    with pytest.raises(OptkitError, match=r"no \.tflite variant is in both"):
        find_pairs(a, b)
    with pytest.raises(OptkitError, match=r"neither a \.tflite file nor what optkit build"):
        find_pairs(model, a)
    with pytest.raises(OptkitError, match="cannot be read"):
        find_pairs(a, tmp_path / "none.json")
    with pytest.raises(OptkitError, match=r"none\.tflite is not a file"):
        find_pairs(model, tmp_path / "none.tflite")
    changed = tmp_path / "changed.tflite"
    changed.write_bytes(model.read_bytes())
    c = saved_build(tmp_path / "c.json", {"a": changed})
    changed.write_bytes(b"other")
    with pytest.raises(OptkitError, match=r"is not what .* says; build it again"):
        find_pairs(a, c)


@pytest.mark.parametrize("name", ["a\x1b[31m", "a\n::warning::b", "../a"])
def test_a_builds_variant_has_the_form_of_names(built_store: Path, tmp_path: Path, name: str) -> None:
    build = saved_build(tmp_path / "b.json", {name: artifact(built_store, "int8")})
    with pytest.raises(OptkitError, match="the name of a variant is") as caught:
        find_pairs(build, build)
    assert str(caught.value).isprintable()
