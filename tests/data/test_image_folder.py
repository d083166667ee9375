"""A folder of images: order, normalization, and what is refused: damaged images, links that lead out, no Pillow."""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from optkit import DataError, load_dataset


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    for name, value in (("cat", 51), ("ant", 204)):
        (root / name).mkdir(parents=True)
        for i in range(5):
            pixels = np.full((6, 8, 3), value, np.uint8)
            pixels[:, :1] = pixels[:, -1:] = 0  # the crop to a square takes these columns away
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    (root / "ant" / "readme.txt").write_text("no image")
    return root


def test_classes_in_alphabetical_order_cropped_and_normalized(folder: Path) -> None:
    data = load_dataset("image_folder", path=str(folder), size=6, mean=[0.5], std=[0.5], test_share=0.4)
    assert (len(data.x_train), len(data.x_test), data.classes) == (6, 4, 2)
    assert data.x_train.shape[1:] == (6, 6, 3)
    for x, y in ((data.x_train, data.y_train), (data.x_test, data.y_test)):
        np.testing.assert_allclose(x[y == 0], 0.6, atol=1e-6)  # ant: (0.8 - 0.5) / 0.5
        np.testing.assert_allclose(x[y == 1], -0.6, atol=1e-6)


def test_grey_images_keep_a_channel_axis(folder: Path) -> None:
    assert load_dataset("image_folder", path=str(folder), size=4, channels=1).x_test.shape == (2, 4, 4, 1)


def test_a_fixed_part(folder: Path) -> None:
    data = load_dataset("image_folder", path=str(folder), size=4, samples=6)
    assert (len(data.x_train), list(np.sort(data.y_test))) == (4, [0, 1])


def test_normalization_is_part_of_the_digest(folder: Path) -> None:
    """Keys of built artifacts know the data by its digest alone."""
    digests = {
        load_dataset("image_folder", path=str(folder), size=4, **params).digest
        for params in ({}, {"mean": (0.5,)}, {"std": (0.5,)}, {"channels": 1})
    }
    assert len(digests) == 4


def test_a_relative_path_is_under_the_data_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPTKIT_DATA", str(folder.parent))
    assert load_dataset("image_folder", path="photos", size=4).classes == 2


def test_damaged_images_are_named(folder: Path) -> None:
    whole = (folder / "cat" / "1.png").read_bytes()
    (folder / "cat" / "1.png").write_bytes(whole[:60])
    with pytest.raises(DataError, match=r"cat/1\.png is not a readable image"):
        load_dataset("image_folder", path=str(folder), size=4)
    (folder / "ant" / "3.png").write_text("no image")
    with pytest.raises(DataError, match=r"2 images cannot be read: .*ant/3\.png.*cat/1\.png"):
        load_dataset("image_folder", path=str(folder), size=4)


@pytest.mark.parametrize("name", ["4.tif", "4.TIFF", "4.pgm", "4.ppm"])
def test_images_of_formats_that_are_not_read_are_not_left_out_in_silence(folder: Path, name: str) -> None:
    Image.new("L", (6, 8)).save(folder / "cat" / name)
    with pytest.raises(DataError, match=rf"cat/{name} is of a format that is not read; save it .* as PNG"):
        load_dataset("image_folder", path=str(folder), size=4)


def test_a_fifo_in_the_folder_is_named_and_nothing_waits(folder: Path) -> None:
    os.mkfifo(folder / "cat" / "pipe.png")
    with pytest.raises(DataError, match=r"cat/pipe\.png is not a readable image .*a pipe or a device"):
        load_dataset("image_folder", path=str(folder), size=4)


def test_links_that_lead_out_are_refused_and_those_within_are_not(folder: Path) -> None:
    (folder / "cat" / "inside.png").symlink_to(folder / "cat" / "1.png")
    load_dataset("image_folder", path=str(folder), size=4)
    outside = folder.parent / "secret.png"
    outside.write_bytes((folder / "cat" / "1.png").read_bytes())
    (folder / "cat" / "link.png").symlink_to(outside)
    with pytest.raises(DataError, match=r"cat/link\.png is a link that leads out of"):
        load_dataset("image_folder", path=str(folder), size=4)
    (folder / "cat" / "link.png").unlink()
    (folder.parent / "dogs").mkdir()
    (folder / "dog").symlink_to(folder.parent / "dogs")
    with pytest.raises(DataError, match="dog is a link that leads out of"):
        load_dataset("image_folder", path=str(folder), size=4)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"path": ""}, "needs its path"),
        ({"path": "/nowhere"}, "is not a folder"),
        ({"channels": 4}, r"channels is 4; expected 1 \(grey\) or 3"),
        ({"mean": (0.1, 0.2)}, "mean has 2 values; expected 1, or one for each of 3"),
        ({"std": (0.0,)}, "expected numbers above 0"),
        ({"size": 0}, "expected numbers above 0"),
        ({"test_share": 1.0}, "test_share is 1.0"),
        ({"samples": -1}, "samples is -1"),
        ({"samples": 3}, "a class has 1 images; expected 2 or more"),
        ({"mode": "embedded"}, "has no embedded set"),
    ],
)
def test_parameters_that_cannot_be(folder: Path, params: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_dataset("image_folder", **{"path": str(folder), **params})


def test_folders_that_cannot_be(folder: Path) -> None:
    with pytest.raises(DataError, match="has 0 sub-folders"):
        load_dataset("image_folder", path=str(folder / "cat"))
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no images"):
        load_dataset("image_folder", path=str(folder))


def test_without_pillow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(DataError, match=r"pip install 'optkit\[images\]'"):
        load_dataset("image_folder", path=str(folder))


def test_a_link_in_a_circle_is_refused(folder: Path) -> None:
    (folder / "cat" / "loop.png").symlink_to(folder / "cat" / "loop.png")
    with pytest.raises(DataError, match=r"loop\.png is (a link that leads in a circle|not a readable image)"):
        load_dataset("image_folder", path=str(folder), size=4)
