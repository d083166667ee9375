"""Weights from a file: every form gives the same network; what is not the network's is named, and nothing is set."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optkit.errors import BuildError
from optkit.keras.weights import load_weights
from tests.techniques.training_helpers import conv_bn, sequential


def other(seed: int = 9) -> Any:
    model = conv_bn()
    rng = np.random.default_rng(seed)
    model.set_weights([rng.random(weight.shape).astype(np.float32) for weight in model.get_weights()])
    return model


def arrays(model: Any) -> dict[str, Any]:
    return {weight.name.split(":")[0]: weight.numpy() for weight in model.weights}


def write(model: Any, path: Path) -> Path:
    if path.suffix == ".npz":
        np.savez(path, **arrays(model))
    elif path.name == "weights.h5":
        model.save_weights(path)
    else:
        model.save(path)
    return path


@pytest.mark.parametrize("name", ["w.npz", "weights.h5", "model.h5", "model.keras"])
def test_every_form_gives_the_weights_that_were_saved(name: str, tmp_path: Path) -> None:
    model = conv_bn()
    load_weights(model, write(other(), tmp_path / name))
    for a, b in zip(model.get_weights(), other().get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["w.npz", "weights.h5", "model.keras"])
def test_weights_of_another_network_are_refused_and_nothing_is_set(name: str, tmp_path: Path) -> None:
    model = conv_bn()
    before = model.get_weights()
    with pytest.raises(BuildError, match=r"are not those of .*: .* is (missing|not of the network)"):
        load_weights(model, write(sequential(), tmp_path / name))
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_wrong_shape_is_named(tmp_path: Path) -> None:
    found = arrays(other())
    name = next(iter(found))
    np.savez(tmp_path / "w.npz", **{**found, name: np.zeros((1, 2))})
    with pytest.raises(BuildError, match=rf"{name} has shape \(1, 2\), expected"):
        load_weights(conv_bn(), tmp_path / "w.npz")


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    for name, content in {"w.npz": b"no", "w.h5": b"no", "w.keras": b"no"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BuildError, match="cannot be read"):
            load_weights(conv_bn(), tmp_path / name)
    with pytest.raises(BuildError, match=r"expected .npz, .keras, .h5"):
        load_weights(conv_bn(), tmp_path / "w.pt")


def test_a_pickled_array_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", **dict[str, Any]({"conv/kernel": np.array([{"a": 1}], object)}))
    with pytest.raises(BuildError, match="cannot be read"):
        load_weights(conv_bn(), tmp_path / "w.npz")
