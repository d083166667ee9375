"""CIFAR-10 from the user's folder or Keras; the parts that are taken are fixed, stratified and nested."""

import hashlib
import pickle
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optkit import DataError, load_dataset
from optkit.data import cifar10
from optkit.data.sources import cache, keras_cache
from optkit.data.splits import stratified_subset


def arrays(**changes: np.ndarray) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    made: dict[str, np.ndarray] = {}
    for split, samples in (("train", 40), ("test", 20)):
        made[f"x_{split}"] = rng.integers(0, 256, (samples, 32, 32, 3), np.uint8)
        made[f"y_{split}"] = (np.arange(samples) % 10).astype(np.uint8)
    return {**made, **changes}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    np.savez(tmp_path / "cifar10.npz", **arrays())
    monkeypatch.setenv("OPTKIT_DATA", str(tmp_path))
    return tmp_path


def test_samples_are_normalized_per_channel(folder: Path) -> None:
    data = load_dataset("cifar10")
    assert (data.x_train.shape, data.x_train.dtype, data.classes) == ((40, 32, 32, 3), np.float32, 10)
    pixel = arrays()["x_test"][3, 4, 5] / 255
    expected = (pixel - [0.4914, 0.4822, 0.4465]) / [0.2470, 0.2435, 0.2616]
    np.testing.assert_allclose(data.x_test[3, 4, 5], expected, rtol=1e-5)


def test_normalization_is_the_users_and_another_data_set(folder: Path) -> None:
    mean, std = [0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]
    data = load_dataset("cifar10", mean=mean, std=std)
    pixel = arrays()["x_test"][3, 4, 5] / 255
    np.testing.assert_allclose(data.x_test[3, 4, 5], (pixel - mean) / std, rtol=1e-5)
    assert data.digest != load_dataset("cifar10").digest
    assert load_dataset("cifar10", mean=mean, std=[0.2470, 0.2435, 0.2616]).digest == load_dataset("cifar10").digest
    with pytest.raises(DataError, match="mean has 2 values"):
        load_dataset("cifar10", mean=[0.5, 0.5])


def test_the_digest_is_that_of_earlier_versions(folder: Path) -> None:
    """Keys of what was built depend on it; it is what these arrays had before the parameters were there."""
    assert load_dataset("cifar10").digest == "2738c233a80e77ea26a6c7f904b2bc86acf254261d85abf9e50aaa0a90d887dd"


def test_a_single_image_is_normalized_as_the_data_set_is(folder: Path) -> None:
    params: dict[str, Any] = {"mean": [0.5], "std": [0.25]}
    assert cifar10.ENTRY.preprocessing
    pixels = arrays()["x_test"]
    np.testing.assert_array_equal(
        cifar10.ENTRY.preprocessing(train_samples=20, **params).apply(pixels), load_dataset("cifar10", **params).x_test
    )


def test_a_part_is_stratified_fixed_and_another_data_set(folder: Path) -> None:
    part = load_dataset("cifar10", train_samples=20, test_samples=10)
    assert set(np.bincount(part.y_train)) == {2}
    assert set(np.bincount(part.y_test)) == {1}
    again = load_dataset("cifar10", train_samples=20, test_samples=10)
    assert part.digest == again.digest != load_dataset("cifar10").digest
    assert load_dataset("cifar10", train_samples=40).digest == load_dataset("cifar10").digest


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=60).map(np.array),
    st.integers(1, 60),
    st.integers(1, 60),
)
def test_subsets_are_even_and_nested(y: np.ndarray, smaller: int, larger: int) -> None:
    smaller, larger = sorted((min(smaller, len(y)), min(larger, len(y))))
    places = stratified_subset(y, smaller)
    assert len(places) == smaller
    assert set(places) <= set(stratified_subset(y, larger))
    assert list(places) == sorted(places)
    taken, present = np.bincount(y[places], minlength=5), np.bincount(y, minlength=5)
    short = taken < present  # a class that has more to give
    assert not short.any() or taken[short].min() >= taken.max() - 1


@pytest.mark.parametrize("params", [{"train_samples": 41}, {"test_samples": -1}])
def test_numbers_of_samples_that_cannot_be(folder: Path, params: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"_samples is .*; expected 0 \(all\) to"):
        load_dataset("cifar10", **params)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": np.zeros((40, 28, 28), np.uint8)}, r"x_train has shape \(40, 28, 28\); expected \(samples, 32"),
        ({"x_test": np.zeros((20, 32, 32, 3), np.float32)}, "x_test has dtype float32; expected uint8"),
        ({"y_test": np.zeros(19, np.uint8)}, "y_test has shape"),
    ],
)
def test_bad_arrays(folder: Path, changes: dict[str, np.ndarray], message: str) -> None:
    np.savez(folder / "cifar10.npz", **arrays(**changes))
    with pytest.raises(DataError, match=message):
        load_dataset("cifar10")


def test_nowhere_and_no_embedded_set() -> None:
    with pytest.raises(DataError, match=r"set OPTKIT_DATA to a folder with cifar10\.npz"):
        load_dataset("cifar10")
    with pytest.raises(DataError, match="has no embedded set"):
        load_dataset("cifar10", "embedded")


def archive(folder: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """Write an archive as the public one is, but of ten images a batch; return it and what must be read from it."""
    rng, batches = np.random.default_rng(2), dict[str, dict[bytes, object]]()
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    for name in names:
        pixels = rng.integers(0, 256, (10, 3072), np.uint8)
        batches[name] = {b"data": pixels, b"labels": rng.permutation(10).tolist()}
    path = folder / cifar10._ARCHIVE
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as file:
        for name, content in batches.items():
            (folder / name).write_bytes(pickle.dumps(content))
            file.add(folder / name, f"cifar-10-batches-py/{name}")
            (folder / name).unlink()
    x = np.concatenate([batches[name][b"data"] for name in names]).reshape(-1, 3, 32, 32)
    y = np.concatenate([batches[name][b"labels"] for name in names])
    return path, {"x_train": np.moveaxis(x[:50], 1, 3), "y_train": y[:50], "y_test": y[50:]}


def known(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setattr(cifar10, "_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())


def test_keras_archive_is_read_once_and_kept_without_pickles(monkeypatch: pytest.MonkeyPatch) -> None:
    path, expected = archive(keras_cache())
    known(monkeypatch, path)
    first = load_dataset("cifar10", mean=(0.0,), std=(1 / 255,))
    np.testing.assert_array_equal(np.round(first.x_train), expected["x_train"])
    np.testing.assert_array_equal(first.y_train, expected["y_train"])
    np.testing.assert_array_equal(first.y_test, expected["y_test"])
    path.unlink()
    second = load_dataset("cifar10", mean=(0.0,), std=(1 / 255,))
    assert first.digest == second.digest
    assert second.origin == str(cache() / "cifar10.npz")
    assert [path.name for path in cache().iterdir()] == ["cifar10.npz"]


def test_a_download_is_read_in_the_same_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path, expected = archive(tmp_path)

    def stand_in(url: str, sha256: str, to: Path) -> Path:
        assert (url[:5], len(sha256)) == ("https", 64)
        return Path(shutil.copy(path, to))

    monkeypatch.setattr(cifar10, "download", stand_in)
    np.testing.assert_array_equal(load_dataset("cifar10").y_train, expected["y_train"])
    assert [path.name for path in cache().iterdir()] == ["cifar10.npz"]


def test_an_archive_of_another_digest_is_not_unpickled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pickle runs what it says: only the archive that is known may be read as one."""
    archive(keras_cache())
    monkeypatch.setattr(pickle, "load", lambda *_, **__: pytest.fail("unpickled"))
    with pytest.raises(DataError, match="CIFAR-10 was not found"):
        load_dataset("cifar10")
    assert [path.name for path in keras_cache().iterdir()] == [cifar10._ARCHIVE]
    assert not cache().exists()


def test_what_earlier_versions_kept_is_still_read() -> None:
    keras_cache().mkdir(parents=True)
    np.savez(keras_cache() / "cifar10.npz", **arrays())
    assert load_dataset("cifar10").origin == str(keras_cache() / "cifar10.npz")
