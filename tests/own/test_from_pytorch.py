"""Files that litert-torch and onnx2tf made of a PyTorch model: the scripts of tests/fixtures/pytorch, run for real."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import optkit
from optkit.cli import main
from optkit.errors import ArtifactError, DataError
from optkit.runtime.samples import run_samples
from optkit.suites.begin import begin
from optkit.tflite.interface import read_interface
from tests.isolation import ROOT

FOLDER = ROOT / "tests" / "fixtures" / "pytorch"
FIRST, LAST, BY_ONNX = (FOLDER / f"shapes{end}.tflite" for end in ("", "_nhwc", "_onnx2tf"))


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    with np.load(FOLDER / "shapes.npz") as found:
        return dict(found)


def taken(path: Path, x: Any) -> Any:
    """Return samples (samples, 3, 12, 12) as the file takes them."""
    shape = read_interface(path).inputs[0].shape[1:]
    return x if shape == (3, 12, 12) else np.moveaxis(x, 1, -1)


def test_where_the_channels_are() -> None:
    shapes = [read_interface(path).inputs[0].shape[1:] for path in (FIRST, LAST, BY_ONNX)]
    assert shapes == [(3, 12, 12), (12, 12, 3), (12, 12, 3)]


@pytest.mark.parametrize("path", [FIRST, LAST, BY_ONNX], ids=lambda path: path.stem)
def test_the_file_gives_what_pytorch_gave(path: Path, data: dict[str, Any]) -> None:
    [outputs] = run_samples(path, taken(path, data["x_test"])).values()
    np.testing.assert_allclose(outputs.reshape(-1, 4), data["outputs_of_torch"], atol=1e-4)


@pytest.mark.parametrize("path", [FIRST, LAST, BY_ONNX], ids=lambda path: path.stem)
def test_its_variants_are_as_accurate_as_in_pytorch(path: Path, data: dict[str, Any], tmp_path: Path) -> None:
    splits = tuple(data[name] for name in ("x_train", "y_train", "x_test", "y_test"))
    x_train, y_train, x_test, y_test = splits
    study = optkit.compress(
        path,
        (taken(path, x_train), y_train, taken(path, x_test), y_test),
        ["int8", "float16"],
        store=tmp_path,
    )
    in_torch = float((data["outputs_of_torch"].argmax(1) == y_test).mean())
    assert in_torch > 0.9
    assert study["float32"].score == pytest.approx(in_torch, abs=1e-9)
    for name in ("int8", "float16"):
        drop = study[name].drop
        assert drop is not None
        assert abs(drop) <= 0.01, name
    assert study["int8"].file_bytes < study["float32"].file_bytes


def test_data_with_their_channels_at_the_other_end_are_refused_with_the_remedy(
    data: dict[str, Any], tmp_path: Path
) -> None:
    np.savez(tmp_path / "last.npz", **{k: np.moveaxis(v, 1, -1) if v.ndim == 4 else v for k, v in data.items()})
    with pytest.raises(DataError, match=r"samples \(12, 12, 3\).*args_0 \(3, 12, 12\).*np\.moveaxis\(x, -1, 1\)"):
        begin(FIRST, str(tmp_path / "last.npz"), tmp_path)
    with pytest.raises(DataError, match=r"samples \(3, 12, 12\).*\(12, 12, 3\).*np\.moveaxis\(x, 1, -1\)"):
        begin(LAST, str(FOLDER / "shapes.npz"), tmp_path)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("m.onnx", "is an ONNX file: onnx2tf makes a .tflite of it"),
        ("m.pth", "is of PyTorch: litert-torch makes a .tflite"),
        ("m.pb", "is one file of a SavedModel: name its folder"),
        ("m.zip", "its ending '.zip' is that of no model"),
    ],
)
def test_another_tools_file_is_refused_with_the_way_to_a_tflite(name: str, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\x08\x0a")
    with pytest.raises(ArtifactError, match=told):
        begin(tmp_path / name, None, tmp_path)


def picture(path: Path, sample: Any) -> None:
    image = pytest.importorskip("PIL.Image")
    path.parent.mkdir(parents=True, exist_ok=True)
    image.fromarray(np.round(np.moveaxis(sample, 0, -1) * 255).clip(0, 255).astype(np.uint8)).save(path)


def test_an_image_is_classified_whichever_end_the_channels_are_at(data: dict[str, Any], tmp_path: Path) -> None:
    """Catches pixels in the wrong order: both files must give what they give for the pixels as arrays."""
    picture(tmp_path / "a.png", data["x_test"][0])
    pixels = (np.round(data["x_test"][:1] * 255) / 255).astype(np.float32)  # as the picture holds them
    for path in (FIRST, LAST):
        [found] = optkit.predict(path, [tmp_path / "a.png"], top=4)
        [expected] = run_samples(path, taken(path, pixels)).values()
        scores = [guess.score for guess in sorted(found.top, key=lambda guess: guess.index)]
        assert scores == pytest.approx(expected.reshape(-1).tolist(), abs=1e-4), path.stem
        assert found.top[0].index == data["outputs_of_torch"][0].argmax()


def test_a_folder_of_images_is_brought_into_the_models_order(
    data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(48):
        picture(tmp_path / "photos" / f"corner{data['y_test'][i]}" / f"{i}.png", data["x_test"][i])
    monkeypatch.chdir(tmp_path)
    for path in (FIRST, LAST):
        assert main(["init", str(path), "photos", "-o", f"{path.stem}.toml"]) == 0, capsys.readouterr().err
        _, dataset = optkit.open_suite(f"{path.stem}.toml")
        assert dataset.x_test.shape[1:] == read_interface(path).inputs[0].shape[1:]
        [outputs] = run_samples(path, dataset.x_test).values()
        assert (outputs.reshape(-1, 4).argmax(1) == dataset.y_test).mean() > 0.8
    digests = {optkit.open_suite(f"{path.stem}.toml")[1].digest for path in (FIRST, LAST)}
    assert len(digests) == 2, "samples in another order are other data"
