"""The user's own data from an .npz file or from memory: forms, splits, digests, and what is refused."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optkit import DataError
from optkit.data.own import load_own, make_own, read_own
from optkit.data.tasks import work_out_task

RNG = np.random.default_rng(3)


def arrays(**changes: Any) -> dict[str, Any]:
    found = {
        "x_train": RNG.random((12, 4), np.float32),
        "y_train": np.arange(12) % 3,
        "x_test": RNG.random((6, 4), np.float32),
        "y_test": np.arange(6) % 3,
    }
    return {name: array for name, array in {**found, **changes}.items() if array is not None}


def saved(folder: Path, **content: Any) -> Path:
    np.savez(folder / "own.npz", **content)
    return folder / "own.npz"


def test_arrays_by_name_from_a_file(tmp_path: Path) -> None:
    given = arrays()
    saved(tmp_path, **given, class_names=np.array(["a", "b", "c"]))
    data = load_own("own.npz", "multiclass", folder=tmp_path)
    np.testing.assert_array_equal(data.x_test, given["x_test"])
    assert (data.name, data.classes, data.task, data.trainable, data.labelled) == ("own", 3, "multiclass", True, True)
    assert data.origin == str(tmp_path / "own.npz")
    assert data.facts == {"name": "own", "digest": data.digest, "train": 12, "test": 6}


@pytest.mark.parametrize(
    "names",
    [
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("X_train", "y_train", "X_test", "y_test"),
        ("x_train", "y_train", "x_val", "y_val"),
        ("train_x", "train_y", "test_x", "test_y"),
        ("train_data", "train_targets", "val_data", "val_targets"),
    ],
)
def test_other_names_for_the_same(tmp_path: Path, names: tuple[str, ...]) -> None:
    given = arrays()
    data = load_own(str(saved(tmp_path, **dict(zip(names, given.values(), strict=True)))), "multiclass")
    np.testing.assert_array_equal(data.x_train, given["x_train"])
    np.testing.assert_array_equal(data.y_test, given["y_test"])


def test_the_test_split_comes_before_the_validation_split(tmp_path: Path) -> None:
    given = arrays()
    path = saved(tmp_path, **given, x_val=np.zeros((2, 4)), y_val=np.zeros(2))
    assert len(load_own(str(path), "multiclass").x_test) == 6


@pytest.mark.parametrize("names", [("x", "y"), ("X", "y"), ("images", "labels"), ("data", "target")])
def test_data_that_are_not_split_are_split_by_class_with_a_seed(tmp_path: Path, names: tuple[str, str]) -> None:
    x, y = np.arange(100).reshape(50, 2), np.array([0] * 30 + [1] * 20)
    path = saved(tmp_path, **{names[0]: x, names[1]: y})
    data = load_own(str(path), "multiclass", test_share=0.3, seed=5)
    assert (np.bincount(data.y_train).tolist(), np.bincount(data.y_test).tolist()) == ([21, 14], [9, 6])
    assert sorted([*data.x_train[:, 0], *data.x_test[:, 0]]) == list(range(0, 100, 2))
    np.testing.assert_array_equal(data.y_test, (data.x_test[:, 0] >= 60).astype(int))
    assert data.origin == f"{path} (30% to test, seed 5)"
    again, other = (load_own(str(path), "multiclass", test_share=0.3, seed=seed) for seed in (5, 6))
    assert again.digest == data.digest != other.digest
    assert len(load_own(str(path), "regression").x_test) == 10


def test_several_inputs_by_name(tmp_path: Path) -> None:
    path = saved(
        tmp_path,
        x_train_ids=np.zeros((5, 7), np.int32),
        x_train_side_info=np.zeros((5, 2)),
        x_test_ids=np.ones((4, 7), np.int32),
        x_test_side_info=np.ones((4, 2)),
        y_train=np.zeros(5),
        y_test=np.ones(4),
    )
    data = load_own(str(path), "binary")
    assert data.input_names == ("ids", "side_info")
    assert (data.x_test["ids"].dtype, data.x_train["side_info"].shape) == (np.int32, (5, 2))
    unsplit = load_own({"x_a": np.zeros((10, 3)), "x_b": np.arange(10), "y": np.arange(10) / 3}, "regression")
    assert (unsplit.x_train["a"].shape, unsplit.x_test["b"].shape) == ((8, 3), (2,))
    np.testing.assert_allclose(unsplit.y_test, unsplit.x_test["b"] / 3, rtol=1e-6)


def test_training_labels_may_be_missing_and_a_reconstruction_needs_none() -> None:
    data = load_own(arrays(y_train=None), "multiclass")
    assert (data.trainable, data.labelled, len(data.y_train)) == (False, True, 0)
    own = load_own({"x_train": np.zeros((3, 4)), "x_test": np.zeros((2, 4))}, "reconstruction")
    assert (own.trainable, own.labelled, own.classes) == (True, False, 0)
    normal = load_own(arrays(y_train=None, y_test=np.array([0, 1, 0, 1, 1, 0])), "reconstruction")
    assert normal.y_test.tolist() == [0, 1, 0, 1, 1, 0]
    targets = load_own(arrays(y_train=None, y_test=np.ones((6, 4))), "reconstruction")
    assert [one.labelled_by_sample for one in (data, own, normal, targets)] == [True, False, True, False]


def test_samples_that_are_judged_as_one() -> None:
    given = arrays(y_train=None, y_test=np.array([0, 0, 1, 1, 0, 0]), group_test=np.array([7, 7, 3, 3, 5, 5]))
    data = load_own(given, "reconstruction")
    assert data.group_test is not None
    assert data.group_test.tolist() == [7, 7, 3, 3, 5, 5]
    assert data.digest != load_own({**given, "group_test": np.arange(6)}, "reconstruction").digest
    with pytest.raises(DataError, match="samples of one group in group_test have different labels"):
        load_own({**given, "group_test": np.array([7, 7, 7, 3, 5, 5])}, "reconstruction")
    with pytest.raises(DataError, match=r"group_test is int64 \(5,\); expected whole numbers, one a sample"):
        load_own({**given, "group_test": np.arange(5)}, "reconstruction")


def test_scaling_by_place_of_the_last_axis_and_none_by_default() -> None:
    given = arrays(x_train=np.full((12, 4), 51, np.uint8), x_test=np.full((6, 4), 102, np.uint8))
    assert load_own(given, "multiclass").x_test.dtype == np.uint8
    data = load_own(given, "multiclass", scale=1 / 255, mean=(0.0, 0.1, 0.2, 0.3), std=(0.5,))
    np.testing.assert_allclose(data.x_test[0], [0.8, 0.6, 0.4, 0.2], atol=1e-6)
    assert data.x_test.dtype == np.float32
    assert load_own(given, "multiclass", scale=0.5).x_train[0, 0] == 25.5


def test_the_digest_covers_every_array_its_type_and_its_scaling() -> None:
    """A changed file must never be taken for the one that a file in the store was made from."""
    given = arrays(group_test=np.zeros(6, np.int64), y_test=np.zeros(6, np.int64))
    digests = [load_own(given, "multiclass").digest]
    for name in given:
        digests.append(load_own({**given, name: given[name] + (name != "group_test")}, "multiclass").digest)
    digests.append(load_own({**given, "group_test": np.arange(6)}, "multiclass").digest)
    digests.append(load_own({**given, "x_test": given["x_test"].astype(np.float64)}, "multiclass").digest)
    digests += [
        load_own(given, "multiclass", **option).digest for option in ({"scale": 2}, {"mean": [1]}, {"std": [2]})
    ]
    digests.append(load_own({**given, "y_train": given["y_train"].astype(np.int8)}, "multiclass").digest)
    different = [digest for digest in digests if digests.count(digest) == 1]
    assert len(different) == len(digests) - 2, "all but the first and the one with the same groups"
    assert load_own(dict(reversed(given.items())), "multiclass").digest == digests[0]


def test_renaming_an_input_is_another_digest() -> None:
    one, other = ({"x_a": np.zeros((4, 2)), name: np.zeros((4, 2)), "y": np.zeros(4)} for name in ("x_b", "x_c"))
    assert load_own(one, "binary").digest != load_own(other, "binary").digest


def test_the_task_can_be_worked_out_before_the_data_are_made(tmp_path: Path) -> None:
    raw = read_own(str(saved(tmp_path, **arrays())))
    task, _ = work_out_task((3,), "softmax", raw.labels, input_shape=raw.shapes[""])
    assert (task, make_own(raw, task, classes=5).classes) == ("multiclass", 5)


@pytest.mark.parametrize(
    ("changes", "task", "message"),
    [
        ({"x_test": None}, "multiclass", r"own\.npz has no array 'x_test'; it has x_train, y_train, y_test; expected"),
        ({"x_train": None, "x_test": None}, "multiclass", "has no array 'x_train'"),
        ({"y_test": None}, "multiclass", r"has no labels to test with \(x \(6, 4\)\); add y_test"),
        ({"x_test": np.zeros((0, 4)), "y_test": np.zeros(0)}, "multiclass", r"test is empty: x \(0, 4\), y \(0,\)"),
        ({"y_test": np.zeros(5)}, "multiclass", r"y_test has shape \(5,\) and its samples \(6, 4\)"),
        (
            {"x_train": np.full((12, 4), np.nan)},
            "multiclass",
            r"x_train of shape \(12, 4\) holds NaN or infinity in 48",
        ),
        ({"x_test": np.full((6, 4), "a")}, "multiclass", "x_test holds text"),
        ({"y_train": None, "y_test": np.array([0, 1, 2, 3, 4, 9])}, "binary", "y_test holds 2"),
        ({"X_train": np.zeros((12, 4))}, "multiclass", "has 'x_train' and 'X_train', which mean the same"),
        (
            {"x_tset": np.zeros((12, 4))},
            "multiclass",
            "array 'x_tset' beside others that are split; did you mean 'x_test'",
        ),
        ({"y_tset": np.zeros(12)}, "multiclass", "array 'y_tset' beside others that are split"),
        ({"x_train_ids": np.zeros((12, 4))}, "multiclass", "'x_train' beside inputs with names .x_train_ids."),
    ],
)
def test_files_that_cannot_be(tmp_path: Path, changes: dict[str, Any], task: Any, message: str) -> None:
    path = saved(tmp_path, **arrays(**changes))
    with pytest.raises(DataError, match=message):
        load_own(str(path), task)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test_share": 0.2}, "is split already, so test_share does not apply"),
        ({"classes": 2}, "y_train holds class 2, and the model has 2 classes"),
        ({"scale": 0}, "scale is 0"),
        ({"std": (0.0,)}, "std above 0"),
        ({"mean": (0.1, 0.2)}, "mean is .0.1, 0.2.; expected one finite number, or one for each of 4"),
        ({"std": (float("nan"),)}, "std is .nan."),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_own(arrays(), "multiclass", **options)


def test_inputs_of_different_lengths_side_by_side() -> None:
    given = {"x_train_a": np.zeros((5, 2)), "x_train_b": np.zeros((4, 3)), "x_test_a": np.zeros((5, 2))}
    with pytest.raises(DataError, match=r"train has inputs of different lengths: x_a \(5, 2\), x_b \(4, 3\)"):
        load_own(given, "reconstruction")
    with pytest.raises(DataError, match="has 2 inputs, so scale, mean and std do not apply"):
        load_own({"x_a": np.zeros((5, 2)), "x_b": np.zeros((5, 3)), "y": np.zeros(5)}, "binary", scale=2.0)


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_shares_that_cannot_be(share: float) -> None:
    with pytest.raises(DataError, match=r"test_share is .*; expected a fraction"):
        load_own({"x": np.zeros((5, 2)), "y": np.zeros(5)}, "binary", test_share=share)


def test_too_few_samples_to_split() -> None:
    with pytest.raises(DataError, match="has 1 samples; expected two or more"):
        load_own({"x": np.zeros((1, 2)), "y": np.zeros(1)}, "regression")


def test_classes_of_one_sample_are_for_training_unless_all_are_such() -> None:
    """A folder with one image of each of 1,000 classes tests a model that is trained already."""
    data = load_own({"x": np.zeros((6, 2)), "y": np.array([0, 1, 2, 2, 2, 2])}, "multiclass", test_share=0.5)
    assert (sorted(data.y_train), sorted(data.y_test)) == ([0, 1, 2, 2], [2, 2])
    assert len(load_own({"x": np.zeros((10, 2)), "y": np.arange(10)}, "multiclass", test_share=0.7).y_test) == 7


def test_a_pickle_is_never_read(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    pickled = np.array([Evil()], dtype=object)
    assert pickle.dumps(pickled)
    path = saved(tmp_path, **arrays(x_train=pickled))
    with pytest.raises(DataError, match=r"own\.npz is not a readable \.npz file .*Python objects .a pickle."):
        load_own(str(path), "multiclass")
    assert not (tmp_path / "ran").exists()


def test_files_that_are_not_there_or_are_something_else(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file .*gone\.npz; name an"):
        load_own("gone.npz", "multiclass", folder=tmp_path)
    with pytest.raises(DataError, match=r"gone\.csv is not there; give an \.npz file"):
        load_own("gone.csv", "multiclass", folder=tmp_path)
    (tmp_path / "table.csv").write_text("1,2")
    with pytest.raises(DataError, match=r"table\.csv is no \.npz file"):
        load_own("table.csv", "multiclass", folder=tmp_path)
    (tmp_path / "bad.npz").write_bytes(b"PK bad")
    with pytest.raises(DataError, match=r"bad\.npz is not a readable"):
        load_own(tmp_path / "bad.npz", "multiclass")
