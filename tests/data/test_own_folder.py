"""The user's own folder of images: split by its sub-folders or by a seed, at the model's size."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from optkit import DataError
from optkit.data.own import load_own


def images(root: Path, **classes: int) -> None:
    """Write images of 6 x 6 pixels: as many of each class as said, class k with pixels of value 50 k + i."""
    for place, (name, number) in enumerate(sorted(classes.items())):
        (root / name).mkdir(parents=True)
        for i in range(number):
            Image.fromarray(np.full((6, 6, 3), 50 * place + i, np.uint8)).save(root / name / f"{i}.png")


@pytest.mark.parametrize("test", ["test", "val", "validation"])
def test_sub_folders_are_the_splits(tmp_path: Path, test: str) -> None:
    images(tmp_path / "own" / "train", ant=3, cat=2)
    images(tmp_path / "own" / test, ant=1, cat=2)
    data = load_own("own", "multiclass", folder=tmp_path, size=(6, 4))
    assert (data.x_train.shape, data.x_test.shape) == ((5, 6, 4, 3), (3, 6, 4, 3))
    assert (data.y_train.tolist(), data.y_test.tolist(), data.classes) == ([0, 0, 0, 1, 1], [0, 1, 1], 2)
    np.testing.assert_allclose(data.x_test[2], 51 / 255, rtol=1e-6)
    assert (data.name, data.x_test.dtype) == ("own", np.float32)


def test_test_comes_before_val(tmp_path: Path) -> None:
    for split, number in (("train", 2), ("test", 1), ("val", 2)):
        images(tmp_path / split, ant=number, cat=number)
    assert len(load_own(tmp_path, "multiclass", size=(6, 6)).x_test) == 2


def test_one_folder_is_split_by_class_with_a_seed(tmp_path: Path) -> None:
    images(tmp_path / "own", ant=10, cat=5)
    data = load_own(tmp_path / "own", "multiclass", size=(6, 6), channels=1, scale=1.0)
    assert (np.bincount(data.y_train).tolist(), np.bincount(data.y_test).tolist()) == ([8, 4], [2, 1])
    assert data.x_test.dtype == np.uint8, "a scale of 1 leaves the pixels as they are"
    np.testing.assert_array_equal(data.x_test[:, 0, 0, 0] >= 50, data.y_test == 1)
    assert data.origin.endswith("(20% to test, seed 0)")


def test_what_cannot_be(tmp_path: Path) -> None:
    images(tmp_path / "train", ant=2, cat=1)
    with pytest.raises(DataError, match=r"has train/ but none of test/, val/, validation/"):
        load_own(tmp_path, "multiclass", size=(6, 6))
    images(tmp_path / "val", ant=1, dog=1)
    with pytest.raises(DataError, match=r"train/ has 2 classes and val/ 2; not in both: cat, dog"):
        load_own(tmp_path, "multiclass", size=(6, 6))
    with pytest.raises(DataError, match=r"say to what size they are brought: size = .height, width."):
        load_own(tmp_path, "multiclass")
    for size in ([96], [0, 96], [96.5, 96], [1, 2, 3]):
        with pytest.raises(DataError, match=r"size is .*; expected .height, width. in pixels"):
            load_own(tmp_path, "multiclass", size=size)
    with pytest.raises(DataError, match="channels is 4"):
        load_own(tmp_path, "multiclass", size=(6, 6), channels=4)


def test_channels_may_come_first(tmp_path: Path) -> None:
    """As PyTorch has them; the scaling is by channel all the same, and the samples are other data."""
    images(tmp_path, ant=5, cat=5)
    last = load_own(tmp_path, "multiclass", size=(6, 4), mean=(0.1, 0.2, 0.3))
    first = load_own(tmp_path, "multiclass", size=(6, 4), mean=(0.1, 0.2, 0.3), channels_first=True)
    assert first.x_test.shape[1:] == (3, 6, 4)
    np.testing.assert_array_equal(np.moveaxis(last.x_test, -1, 1), first.x_test)
    assert first.x_test.flags.c_contiguous
    assert first.digest != last.digest
