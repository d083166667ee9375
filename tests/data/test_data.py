"""Where MNIST comes from, in which order, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optkit import DataError, load_dataset
from optkit.data import mnist
from optkit.data.dataset import make_dataset
from optkit.files.online import DownloadError


def npz(folder: Path, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {
        "x_train": np.zeros((20, 28, 28), np.uint8),
        "y_train": np.zeros(20, np.uint8),
        "x_test": np.full((10, 28, 28), 255, np.uint8),
        "y_test": np.ones(10, np.uint8),
    }
    np.savez(folder / "mnist.npz", **{k: v for k, v in {**arrays, **changes}.items() if v is not None})
    return folder


def test_the_users_folder_comes_first_then_keras_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    npz(tmp_path / ".keras" / "datasets", y_test=np.full(10, 2, np.uint8))
    assert load_dataset("mnist").y_test[0] == 2
    monkeypatch.setenv("OPTKIT_DATA", str(npz(tmp_path / "own")))
    found = load_dataset("mnist")
    assert (found.name, found.y_test[0], found.x_test.max()) == ("mnist", 1, 1.0)
    assert str(tmp_path / "own") in found.origin


def test_without_full_data_auto_takes_the_embedded_set_and_full_fails() -> None:
    assert load_dataset("mnist", "auto").name == "mnist-embedded"
    with pytest.raises(DataError, match=r"set OPTKIT_DATA to a folder with mnist\.npz, or use --data embedded"):
        load_dataset("mnist", "full")


def test_embedded_is_used_even_where_full_data_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPTKIT_DATA", str(npz(tmp_path)))
    assert load_dataset("mnist", "embedded").name == "mnist-embedded"


def test_the_embedded_split_is_stratified_and_fixed() -> None:
    data = load_dataset("mnist", "embedded")
    assert (len(data.x_train), len(data.x_test)) == (4000, 1000)
    assert set(np.bincount(data.y_test)) == {100}
    assert data.digest == "cd72294fea2d" + data.digest[12:], "the embedded split changed: so would every saved record"
    train = {image.tobytes() for image in data.x_train}
    assert not any(image.tobytes() in train for image in data.x_test)


def test_a_broken_download_is_one_line_and_its_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Path:
        raise DownloadError("storage.googleapis.com answers 503")

    monkeypatch.setattr(mnist, "download", broken)
    with pytest.raises(DataError, match=r"^full MNIST was not found: .*\(not set\).* 503\); set OPTKIT_DATA .*$"):
        load_dataset("mnist", "full")
    assert load_dataset("mnist", "auto").name == "mnist-embedded"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_test": None}, "no array 'x_test'"),
        ({"x_test": np.zeros((10, 28), np.uint8)}, r"x_test has shape \(10, 28\); expected \(samples, 28, 28\)"),
        ({"x_test": np.zeros((0, 28, 28), np.uint8), "y_test": np.zeros(0)}, "x_test has shape"),
        ({"y_train": np.zeros(19, np.uint8)}, "y_train has shape"),
        ({"x_train": np.full((20, 28, 28), np.nan, np.float32)}, "x_train holds NaN"),
        ({"y_train": np.full(20, 10, np.uint8)}, "labels that are not whole numbers from 0 to 9"),
        ({"y_train": np.full(20, 0.5)}, "labels that are not whole numbers"),
        ({"x_train": np.full((20, 28, 28), "a")}, "expected numbers"),
    ],
)
def test_bad_arrays_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    monkeypatch.setenv("OPTKIT_DATA", str(npz(tmp_path, **changes)))
    with pytest.raises(DataError, match=message):
        load_dataset("mnist", "full")


def test_files_that_are_not_npz_or_hold_pickles_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPTKIT_DATA", str(tmp_path))
    (tmp_path / "mnist.npz").write_bytes(b"not a zip")
    with pytest.raises(DataError, match=r"not a readable .npz"):
        load_dataset("mnist")
    npz(tmp_path, x_train=np.array([{}], dtype=object))
    with pytest.raises(DataError, match=r"not a readable .npz"):
        load_dataset("mnist")


def test_a_data_folder_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPTKIT_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="which is not a folder"):
        load_dataset("mnist")


def test_unknown_names() -> None:
    with pytest.raises(DataError, match="did you mean 'mnist'"):
        load_dataset("mnits")
    with pytest.raises(DataError, match="did you mean 'embedded'"):
        load_dataset("mnist", "embeded")  # type: ignore[arg-type]  # as a command passes it on


def test_the_digest_depends_on_every_array() -> None:
    arrays = {f"{k}_{s}": np.zeros((2, 1) if k == "x" else 2, np.uint8) for k in "xy" for s in ("train", "test")}

    def digest() -> str:
        return make_dataset("d", "o", arrays, classes=2, sample_shape=(1,)).digest

    before = digest()
    for name in arrays:
        arrays[name] = arrays[name] + 1
        assert digest() != before
        arrays[name] = arrays[name] - 1
    assert digest() == before
