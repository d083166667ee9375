"""What bytes are: counts, entropy, sizes that add up."""

import zlib
from pathlib import Path

import numpy as np
import pytest

from optkit.build.artifact import zipped_bytes
from optkit.inspect.contents import count_values, weigh
from optkit.inspect.inspection import inspect_model
from optkit.inspect.reading import read_graphs
from optkit.tflite.verify import verify
from tests.tflite.models import buffer, dense_model, int8_model, pack, sparse_model
from tests.tflite.networks import TYPE, classifier, written


def raw(values: np.ndarray) -> np.ndarray:
    return np.frombuffer(values.tobytes(), np.uint8)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "float16", "int32", "float32", "int64"])
def test_values_are_counted_as_numpy_counts_them(dtype: str) -> None:
    """Catches a wrong width, -0 that is no zero, and entropy in the wrong unit."""
    values = np.random.default_rng(1).integers(-3, 4, 4001).astype(dtype)
    counts = count_values(raw(values), dtype)
    assert counts is not None
    assert counts.elements == values.size
    assert counts.zeros == int((values == 0).sum())
    assert counts.distinct == len(np.unique(values))
    share = np.unique(values, return_counts=True)[1] / values.size
    assert counts.entropy_bytes == pytest.approx(-(share * np.log2(share)).sum() * values.size / 8)


def test_int4_is_counted_by_its_halves_and_without_what_fills_up_the_last_byte() -> None:
    counts = count_values(np.array([0x10, 0xF0, 0x02], np.uint8), "int4")
    assert counts is not None
    assert (counts.elements, counts.zeros, counts.distinct) == (6, 3, 4)
    assert counts.without_padding(5).zeros == 2


def test_minus_zero_is_zero_and_an_asymmetric_zero_is_the_zero_point() -> None:
    assert count_values(raw(np.array([0.0, -0.0, 1.0], np.float32)), "float32").zeros == 2  # type: ignore[union-attr]
    assert count_values(np.array([128, 0, 128], np.uint8), "uint8", 128).zeros == 2  # type: ignore[union-attr]


def test_text_has_no_numbers() -> None:
    assert count_values(np.array([1, 2, 3], np.uint8), "string") is None


def sizes(model):
    data = pack(model)
    verified = verify(data, Path("model"))
    return data, *weigh(verified, data, read_graphs(verified))


@pytest.mark.parametrize("model", [dense_model(), int8_model(), sparse_model(), classifier()])
def test_the_parts_of_a_file_add_up_to_it(model) -> None:
    data, constants, found = sizes(model)
    parts = ("weights", "bias", "constant", "quantization", "names", "metadata", "unused", "structure")
    assert sum(getattr(found, part) for part in parts) == found.file_bytes == len(data)
    assert found.weights == sum(one.bytes for one in constants if one.role == "weights") > 0


def test_zipped_sizes_are_those_of_the_build_and_of_zlib(tmp_path) -> None:
    path = written(tmp_path / "model.tflite", classifier())
    found = inspect_model(path)
    assert found.sizes.zip_bytes == zipped_bytes(path)
    largest = found.constants[0]
    model = verify(path.read_bytes(), path)
    data = model.buffers[found.main.tensors[largest.tensor].buffer].data
    assert largest.zip_bytes == len(zlib.compress(bytes(data), wbits=-15))


def test_a_buffer_that_nothing_has_and_one_that_two_have_are_counted_once() -> None:
    model = dense_model()
    model.buffers.append(buffer(np.zeros(50, np.float32)))
    model.subgraphs[0].tensors[2].buffer = 1  # b: its shape no longer fits, w's does
    model.subgraphs[0].tensors[2].shape = [3, 4]
    _, constants, found = sizes(model)
    assert found.unused == 200 + 12
    assert [(one.role, one.tensors) for one in constants] == [("weights", 2)]


def test_zeros_of_a_sparse_tensor_are_those_of_the_dense_one() -> None:
    _, constants, _ = sizes(sparse_model())
    assert constants[0].zeros == pytest.approx(9 / 12)


def test_integers_with_scales_are_told_by_channel() -> None:
    _, constants, _ = sizes(int8_model())
    weights = constants[0]
    assert (weights.dtype, weights.scales, weights.axis, weights.scale) == ("int8", 3, 0, (0.125, 0.5))
    assert weights.zeros == pytest.approx(1 / 12)
    assert TYPE.INT8 == 9
