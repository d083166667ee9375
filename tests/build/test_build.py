"""Building: keys and sharing, determinism across processes, sizes, and what reaches the finished files."""

import dataclasses
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optkit import BuildError, Store, Suite, Variant, build_variants, find_variants, load_suite, open_suite, weights_of
from optkit.build.artifact import SILENT, zipped_bytes
from optkit.build.stage import Stage
from optkit.build.stages import stages


@pytest.fixture
def suite(tiny_suite: Path) -> Suite:
    return load_suite(str(tiny_suite), on="mnist")


def test_variants_share_their_common_prefix_and_nothing_else(suite: Suite) -> None:
    ends = {v.name: stages(suite, v, "data") for v in suite.variants}

    def before(name: str, steps: int = 1) -> Stage:
        stage: Stage | None = ends[name]
        for _ in range(steps):
            assert stage
            stage = stage.parent
        assert stage
        return stage

    assert before("int8").key == before("float_tflite").key == ends["baseline"].key
    assert before("pruned").key == ends["baseline"].key
    assert before("pruned_qat", 2).key == ends["pruned"].key
    assert len({stage.key for stage in ends.values()}) == len(ends)


def test_the_key_depends_on_data_seed_recipe_and_library_versions(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    variant = suite.variant("pruned")
    workload = suite.workload
    changed = [
        stages(suite, variant, "other data"),
        stages(dataclasses.replace(suite, workload=dataclasses.replace(workload, seed=2)), variant, "data"),
        stages(suite, dataclasses.replace(variant, training=dataclasses.replace(variant.training, epochs=9)), "data"),
        stages(suite, suite.variant("baseline"), "data"),
    ]
    keys = {stages(suite, variant, "data").key, *(stage.key for stage in changed)}
    monkeypatch.setattr("optkit.build.stages.library_versions", lambda: {"tensorflow": "0"})
    keys.add(stages(suite, variant, "data").key)
    assert len(keys) == 6


def test_names_and_gates_are_not_in_the_key(suite: Suite) -> None:
    variant = suite.variant("int8")
    renamed = dataclasses.replace(variant, name="other")
    assert stages(dataclasses.replace(suite, gates=(), name="s"), renamed, "d").key == stages(suite, variant, "d").key


def test_the_whole_prefix_was_trained_once(built_store: Path) -> None:
    about = [json.loads(p.read_text())["about"] for p in built_store.rglob("entry.json")]
    labels = [one.get("label") for one in about]
    assert all(one["seconds"] > 0 for one in about if one.get("label")), "how long each stage took is noted"
    assert sorted(filter(None, labels)) == sorted(
        ["train mnist_conv", "prune", "quantize_aware", "convert to float32", "convert to int8", "convert to int8"]
    )


def test_a_chains_promises_hold_in_the_converted_file(
    built_store: Path, tiny_suite: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTKIT_DATA", str(tiny_data))
    suite, data = open_suite(str(tiny_suite))
    found = find_variants(suite, suite.variants, data, Store(built_store))
    assert list(found) == [v.name for v in suite.variants]
    weights = weights_of(found["pruned_qat"].path)
    assert weights.sparsity >= 0.79 - 0.01  # the convolution has 36 weights
    assert weights.integer_weights == 1.0
    assert weights.leftovers == ()
    assert weights_of(found["int8"].path).sparsity < 0.3
    assert weights_of(found["pruned"].path).leftovers == ()


@given(st.binary(max_size=300))
def test_zipped_bytes_is_the_size_of_a_real_archive(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("zip")
    (folder / "model").write_bytes(content)
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "model", "model")
    assert zipped_bytes(folder / "model") == (folder / "a.zip").stat().st_size


def test_the_size_does_not_depend_on_the_files_name(tmp_path: Path) -> None:
    for name in ("a.h5", "a_much_longer_name.tflite"):
        (tmp_path / name).write_bytes(b"x" * 1000)
    assert zipped_bytes(tmp_path / "a.h5") == zipped_bytes(tmp_path / "a_much_longer_name.tflite")


def with_training(suite: Suite, **change: Any) -> tuple[Suite, Variant]:
    variant = dataclasses.replace(
        suite.variant("baseline"), training=dataclasses.replace(suite.workload.training, **change)
    )
    return dataclasses.replace(suite, variants=(variant,)), variant


def test_a_build_that_was_interrupted_goes_on_from_its_checkpoint_with_the_same_bytes(
    tiny_suite: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTKIT_DATA", str(tiny_data))
    suite, data = open_suite(str(tiny_suite))
    suite, variant = with_training(suite, epochs=3, checkpoint_epochs=1)
    epochs: list[int] = []

    def interrupt(epoch: int, *_: object) -> None:
        epochs.append(epoch)
        if epochs == [1, 2]:
            raise KeyboardInterrupt

    progress = dataclasses.replace(SILENT, epoch=interrupt)
    cut, whole = Store(tmp_path / "cut"), Store(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        build_variants(suite, [variant], data, cut, progress)
    assert find_variants(suite, [variant], data, cut) == {}
    resumed = build_variants(suite, [variant], data, cut, progress)["baseline"]
    assert epochs == [1, 2, 2, 3]
    assert resumed.sha256 == build_variants(suite, [variant], data, whole)["baseline"].sha256
    assert not list(cut.root.glob("scratch/*"))
    noted: list[Any] = [entry.about.get("seconds") for store in (cut, whole) if (entry := store.find(resumed.key))]
    assert noted[0] is None, "a part of the time was another process'"
    assert noted[1] > 0


def test_weights_from_a_file_stand_in_place_of_training(
    tiny_suite: Path, tiny_data: Path, built_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTKIT_DATA", str(tiny_data))
    suite, data = open_suite(str(tiny_suite))
    trained = find_variants(suite, [suite.variant("baseline")], data, Store(built_store))["baseline"]
    given, variant = with_training(suite, epochs=0, weights="w.h5")
    given = dataclasses.replace(given, path=tmp_path / "own.toml")
    with pytest.raises(BuildError, match="there is no file"):
        stages(given, variant, data.digest)
    shutil.copy(trained.path, tmp_path / "w.h5")
    built = build_variants(given, [variant], data, Store(tmp_path / "store"))["baseline"]
    key = stages(given, variant, data.digest).key
    assert built.path.read_bytes() == trained.path.read_bytes()
    (tmp_path / "w.h5").write_bytes(b"others")
    assert stages(given, variant, data.digest).key != key, "the key is of what the file holds"


def test_damage_of_a_file_that_another_was_made_from_is_not_passed_over(
    tmp_path: Path, built_store: Path, tiny_suite: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variant's own file is whole; its source and its notes would be missing without a word."""
    monkeypatch.setenv("OPTKIT_DATA", str(tiny_data))
    suite, dataset = open_suite(str(tiny_suite))
    store = Store(shutil.copytree(built_store, tmp_path / "store"))
    (before,) = find_variants(suite, [suite.variant("int8")], dataset, store).values()
    assert before.source
    before.source.write_bytes(before.source.read_bytes()[:-1])
    assert find_variants(suite, [suite.variant("int8")], dataset, store) == {}
