"""ImageNet: labelled images by class folder, or random ones that say that they have no labels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from optkit import DataError, load_dataset
from optkit.data import DataMode
from optkit.data.dataset import make_dataset


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """OPTKIT_DATA with three classes of five images, each of one grey of its own."""
    for label, name in enumerate(("n03", "n01", "n02")):
        (tmp_path / "imagenet" / name).mkdir(parents=True)
        for i in range(5):
            pixels = np.full((9, 6, 3), 50 * label + i, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "imagenet" / name / f"{i}.png")
    monkeypatch.setenv("OPTKIT_DATA", str(tmp_path))
    return tmp_path / "imagenet"


@pytest.mark.parametrize("mode", ["auto", "embedded"])
def test_random_images_are_fixed_and_have_no_labels(mode: DataMode) -> None:
    data, again = (load_dataset("imagenet", mode, size=8) for _ in range(2))
    assert (data.name, data.labelled, len(data.y_train)) == ("imagenet-unlabelled", False, 0)
    assert data.digest == again.digest
    assert data.digest != load_dataset("imagenet", mode, size=9).digest
    assert data.x_train.shape == data.x_test.shape == (16, 8, 8, 3)
    assert (data.x_test.min(), data.x_test.max()) == (-1, 1)
    assert "no labels" in str(data)


def test_random_images_are_never_taken_for_the_full_set() -> None:
    with pytest.raises(DataError, match=r"put images there as imagenet/<class>/\*.jpg, 1,000 classes"):
        load_dataset("imagenet", "full")


def test_classes_are_the_folders_in_order_and_the_parts_share_no_image(images: Path) -> None:
    data = load_dataset("imagenet", "full", size=4, classes=3, train_samples=3, test_samples=6)
    assert (data.name, data.labelled) == ("imagenet", True)
    greys = {}
    for split, count in (("train", 1), ("test", 2)):
        x, y = getattr(data, f"x_{split}"), getattr(data, f"y_{split}")
        assert np.bincount(y).tolist() == [count] * 3, "as many of each class"
        pixels = np.round((x.mean(axis=(1, 2, 3)) * 0.5 + 0.5) * 255).astype(int)
        assert (pixels // 50).tolist() == [{0: 1, 1: 2, 2: 0}[label] for label in y], "n01 is class 0"
        greys[split] = set(pixels)
    assert not greys["train"] & greys["test"]
    assert len(load_dataset("imagenet", size=4, classes=3, train_samples=3, test_samples=0).y_test) == 12


def test_embedded_is_random_even_where_images_are(images: Path) -> None:
    assert not load_dataset("imagenet", "embedded", size=4, classes=3).labelled


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "has 3 sub-folders; expected 1,000"),
        ({"classes": 3, "train_samples": 15}, "has 15 images, all taken by train_samples"),
        ({"classes": 3, "train_samples": 0}, "train_samples is 0"),
    ],
)
def test_folders_that_would_number_classes_wrongly_or_leave_nothing_to_test(
    images: Path, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load_dataset("imagenet", size=4, **params)


def test_samples_without_labels_are_checked_like_others() -> None:
    arrays = {"x_train": np.zeros((2, 3)), "x_test": np.full((2, 3), np.nan)}
    with pytest.raises(DataError, match="x_test holds NaN"):
        make_dataset("d", "here", arrays, classes=2, sample_shape=(3,), labelled=False)
    with pytest.raises(DataError, match="no array 'y_train'"):
        make_dataset("d", "here", {**arrays, "x_test": np.zeros((2, 3))}, classes=2, sample_shape=(3,))
