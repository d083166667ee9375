"""Loading a Keras file runs no code that the file brings."""

from pathlib import Path

import pytest

from optkit import ArtifactError
from optkit.techniques.saved import load_model, save_model
from optkit.tensorflow import load_keras


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
