"""Quantized inputs and outputs, and files that are not models."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from optkit import ArtifactError, TFLiteRunner, dequantize, quantize, weights_of
from optkit.runtime.litert import _decode, _encode
from tests.builders import artifact

SCALES = st.floats(1e-4, 10)
TYPES = st.sampled_from([np.int8, np.uint8, np.int16])


@given(TYPES, SCALES, st.data())
def test_quantize_undoes_dequantize(dtype: type, scale: float, data: st.DataObject) -> None:
    limits = np.iinfo(dtype)
    zero_point = data.draw(st.integers(int(limits.min), int(limits.max)))
    integers = data.draw(hnp.arrays(dtype, 5))
    assert np.array_equal(quantize(dequantize(integers, scale, zero_point), dtype, scale, zero_point), integers)


@given(TYPES, SCALES, hnp.arrays(np.float32, 6, elements=st.floats(-1e3, 1e3, width=32)), st.data())
def test_quantize_errs_by_half_a_step_within_the_range_and_saturates_beyond(
    dtype: type, scale: float, x: np.ndarray, data: st.DataObject
) -> None:
    limits = np.iinfo(dtype)
    zero_point = data.draw(st.integers(int(limits.min), int(limits.max)))
    low, high = ((bound - zero_point) * scale for bound in (int(limits.min), int(limits.max)))
    back = dequantize(quantize(x, dtype, scale, zero_point), scale, zero_point)
    assert np.all(np.abs(back - np.clip(x, low, high)) <= scale * 0.5 + 1e-3)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
def test_the_runner_translates_integer_tensors(dtype: type) -> None:
    details = {"dtype": dtype, "quantization": (0.5, 3)}
    assert _encode(np.array([1.0], np.float32), details).tolist() == [5]
    assert _decode(np.array([5], dtype), details).tolist() == [1.0]


def test_batches_of_any_size_give_the_same_scores(built_store: Path) -> None:
    path = artifact(built_store, "float32")
    x = np.random.default_rng(0).random((6, 28, 28), np.float32)
    six, one = TFLiteRunner(path, batch=6, threads=2), TFLiteRunner(path)
    whole = six.scores(six.invoke(six.prepare(x)))
    single = np.concatenate([one.scores(one.invoke(one.prepare(x[i : i + 1]))) for i in range(6)])
    assert whole.shape == (6, 10)
    np.testing.assert_allclose(whole, single, atol=1e-5)


def test_samples_of_another_shape_are_refused(built_store: Path) -> None:
    with pytest.raises(ArtifactError, match=r"samples have shape \(1, 28\); the model takes \(1, 28, 28\)"):
        TFLiteRunner(artifact(built_store, "float32")).prepare(np.zeros((1, 28), np.float32))


@pytest.mark.parametrize("keep", [0, 3, 8, 100, 2000, 0.5, 0.99])
def test_a_truncated_file_is_an_error_not_a_crash(built_store: Path, tmp_path: Path, keep: float) -> None:
    whole = artifact(built_store, "int8").read_bytes()
    path = tmp_path / "cut.tflite"
    path.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    with pytest.raises(ArtifactError, match=r"cut\.tflite"):
        TFLiteRunner(path)
    with pytest.raises(ArtifactError, match=r"cut\.tflite"):
        weights_of(path)


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "text.tflite").write_text("hello, I am not a model at all")
    with pytest.raises(ArtifactError, match="lacks the identifier TFL3"):
        TFLiteRunner(tmp_path / "text.tflite")
    with pytest.raises(ArtifactError, match="lacks the identifier TFL3"):
        weights_of(tmp_path / "text.tflite")
    with pytest.raises(ArtifactError, match="cannot be read"):
        weights_of(tmp_path / "missing.tflite")


def test_threads_zero_is_refused(built_store: Path) -> None:
    with pytest.raises(ArtifactError, match="threads is 0"):
        TFLiteRunner(artifact(built_store, "int8"), threads=0)
