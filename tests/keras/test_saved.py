"""Loading a Keras file runs no code that the file brings."""

import json
from pathlib import Path
from typing import Any

import h5py
import pytest

from optkit import ArtifactError
from optkit.keras.files import load_model, save_model
from optkit.keras.tensorflow import load_keras


def test_a_lambda_layer_is_refused_before_its_code_runs(tmp_path: Path) -> None:
    keras = load_keras()
    marker = str(tmp_path / "ran")
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Lambda(lambda x: open(marker, "w") and x)])
    Path(marker).unlink()  # building the model ran it once
    save_model(model, tmp_path / "bad.h5")
    with pytest.raises(ArtifactError, match="Lambda layers, which run code on loading"):
        load_model(tmp_path / "bad.h5")
    assert not Path(marker).exists()


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "bad.h5").write_bytes(b"not HDF5")
    with pytest.raises(ArtifactError, match=r"is not a Keras \.h5 model"):
        load_model(tmp_path / "bad.h5")


@pytest.mark.parametrize(
    "named",
    [
        {"class_name": "SlicingOpLambda", "config": {"function": "io.write_file"}},
        {"class_name": "TFOpLambda", "config": {"function": "io.read_file"}},
        {"class_name": "Custom>ClassMethod", "config": {}},
        {"class_name": "StringLookup", "config": {"vocabulary": "/etc/hostname"}},
        {"class_name": "Dense", "module": "antigravity", "config": {"units": 1}},
    ],
    ids=lambda named: str(named.get("module", named["class_name"])),
)
def test_what_would_call_import_or_read_is_refused_before_keras_sees_it(tmp_path: Path, named: dict[str, Any]) -> None:
    config = {"class_name": "Functional", "config": {"name": "m", "layers": [{**named, "name": "layer"}]}}
    with h5py.File(tmp_path / "bad.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(ArtifactError, match=r"which run code on loading|only Keras' own layers are loaded"):
        load_model(tmp_path / "bad.h5")
