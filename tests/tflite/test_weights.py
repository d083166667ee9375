"""Facts of weights, read from the converted files themselves."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optkit import ArtifactError, weights_of
from optkit.convert import convert
from optkit.keras.files import save_model
from optkit.keras.tensorflow import load_keras, silenced
from optkit.spec import Conversion
from optkit.tflite.weights import order_0_bytes


def dense(kernel: np.ndarray):
    keras = load_keras()
    model = keras.Sequential(
        [keras.layers.Input((kernel.shape[0],), name="x"), keras.layers.Dense(kernel.shape[1], name="d")], name="m"
    )
    model.set_weights([kernel, np.zeros(kernel.shape[1], np.float32)])
    return model


KERNEL = np.repeat(np.array([[0, 0, 0, 1], [2, 0, 3, 0]], "f4"), 300, axis=0)  # 600 x 4; 5 of 8 are zero; 4 values


@pytest.mark.parametrize(("mode", "dtype"), [("float32", "float32"), ("float16", "float16"), ("dynamic_range", "int8")])
def test_zeros_values_and_types_of_a_converted_file(tmp_path: Path, mode: Any, dtype: str) -> None:
    with silenced():
        data = convert(dense(KERNEL), Conversion(mode=mode), np.zeros((1, 600), np.float32))
    (tmp_path / "m.tflite").write_bytes(data)
    found = weights_of(tmp_path / "m.tflite")
    (tensor,) = found.tensors
    distinct = 2 if dtype == "int8" else 4  # with a scale for each output, its largest weight is always 127
    assert (tensor.dtype, tensor.elements, tensor.zeros, tensor.distinct) == (dtype, 2400, 5 / 8, distinct)
    assert found.sparsity == 5 / 8
    assert found.integer_weights == found.integer_large_weights == (dtype == "int8")
    assert found.leftovers == ()


def test_keras_files_and_the_wrappers_left_in_them(tmp_path: Path) -> None:
    from optkit.keras.tensorflow import load_tfmot

    save_model(dense(KERNEL), tmp_path / "m.h5")
    assert weights_of(tmp_path / "m.h5").sparsity == 5 / 8
    assert weights_of(tmp_path / "m.h5").leftovers == ()
    wrapped = load_tfmot().sparsity.keras.prune_low_magnitude(dense(KERNEL))
    save_model(wrapped, tmp_path / "wrapped.h5")
    assert any("mask" in name for name in weights_of(tmp_path / "wrapped.h5").leftovers)


def test_a_model_without_weights_is_refused(tmp_path: Path) -> None:
    keras = load_keras()
    save_model(keras.Sequential([keras.layers.Input((2,)), keras.layers.ReLU()]), tmp_path / "m.h5")
    with pytest.raises(ArtifactError, match="holds no weights"):
        weights_of(tmp_path / "m.h5")


@pytest.mark.parametrize(
    ("counts", "bits"),
    [
        ([7], 0.0),
        ([1] * 256, 8.0 * 256),
        ([50, 50], 100.0),
        ([9, 3, 4], 16 * 1.4197),  # 9/16, 3/16, 4/16
        ([4, 2, 1, 1], 8 * 1.75),  # Cover and Thomas, Elements of Information Theory, 2.1
        ([], 0.0),
    ],
)
def test_the_entropy_is_what_textbooks_say(counts: list[int], bits: float) -> None:
    assert order_0_bytes(np.array(counts, np.int64)) == pytest.approx(bits / 8, rel=1e-4)
