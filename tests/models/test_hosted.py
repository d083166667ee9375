"""Hosted networks with ImageNet's weights: from Keras' folder, under the names that files get; or a clear refusal."""

from pathlib import Path

import numpy as np
import pytest

from optkit import BuildError
from optkit.keras.tensorflow import load_keras
from optkit.models import NETWORKS


@pytest.fixture
def keras_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".keras" / "models"
    folder.mkdir(parents=True)
    return folder


def test_imagenet_weights_are_those_of_keras_file_and_random_ones_are_not(keras_folder: Path) -> None:
    given = load_keras().applications.MobileNet(weights=None)
    given.save_weights(keras_folder / "mobilenet_1_0_224_tf.h5", save_format="h5")
    model = NETWORKS["mobilenet_v1"].build(weights="imagenet")
    for got, expected in zip(model.get_weights(), given.get_weights(), strict=True):
        np.testing.assert_array_equal(got, expected)
    plain = NETWORKS["mobilenet_v1"].build()
    assert [layer.name for layer in model.layers] == [layer.name for layer in plain.layers]
    assert not np.array_equal(plain.get_weights()[0], given.get_weights()[0])
    assert model.layers[-1].get_config()["activation"] == "linear"


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2", "inception_v3", "resnet_v2_101"])
def test_without_a_network_the_error_names_the_file_that_keras_looks_for(name: str, keras_folder: Path) -> None:
    with pytest.raises(BuildError, match=rf"{name}: .* there is no {keras_folder}/\w.*\.h5, and no network; put"):
        NETWORKS[name].build(weights="imagenet")


def test_a_file_that_is_no_weights_is_named(keras_folder: Path) -> None:
    (keras_folder / "mobilenet_1_0_224_tf.h5").write_bytes(b"no HDF5")
    with pytest.raises(BuildError, match=r"remove or replace .*mobilenet_1_0_224_tf\.h5"):
        NETWORKS["mobilenet_v1"].build(weights="imagenet")


def test_weights_that_there_are_not() -> None:
    with pytest.raises(BuildError, match="no weights 'imagnet'; did you mean 'imagenet'"):
        NETWORKS["mobilenet_v2"].build(weights="imagnet")
