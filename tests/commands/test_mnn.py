"""`optkit mnn` writes the .mnn file that is shipped, and `optkit run --runtime mnn` classifies an image with it."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.runtime.test_mnn import image_classifier
from tests.tflite.models import int8_model
from tests.tflite.networks import written

pytest.importorskip("_mnncengine", reason="the extra mnn is not installed")


def test_a_file_is_written_and_classifies(command, tmp_path):
    model = written(tmp_path / "net.tflite", image_classifier())
    np.savez(tmp_path / "train.npz", x_train=np.random.default_rng(0).random((40, 4, 4, 1), np.float32))
    target = tmp_path / "net.mnn"
    ways = ("--quantization", "admm", "--calibration", str(tmp_path / "train.npz"))
    done = command("optkit", "mnn", str(model), "-o", str(target), *ways, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["schema"] == 1
    assert found["quantization"] == "admm"
    assert found["file_bytes"] == target.stat().st_size
    assert found["from_file_bytes"] == model.stat().st_size
    Image.new("L", (9, 9), 200).save(tmp_path / "grey.png")
    done = command("optkit", "run", str(target), str(tmp_path / "grey.png"), "--runtime", "mnn", "--top", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)[0]["top"]) == 2


def test_bad_input_is_one_line(command, tmp_path):
    model = written(tmp_path / "int8.tflite", int8_model())
    target = tmp_path / "net.mnn"
    cases = {
        ("mnn", str(model), "-o", str(target)): "is quantized already",
        ("mnn", str(model), "-o", str(target), "--quantization", "kl"): "kl needs --calibration",
        ("mnn", str(tmp_path / "no.tflite"), "-o", str(target)): "cannot be read",
        ("run", str(model), "x.png", "--runtime", "mnn", "--settings", "precision=odd"): "precision",
    }
    for arguments, told in cases.items():
        done = command("optkit", *arguments)
        assert done.returncode == 2, arguments
        assert told in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert not done.stdout
    assert not target.exists()
