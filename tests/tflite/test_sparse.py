"""TensorFlow Lite's sparse encoding: it is checked before it is handed out, and read back dense."""

import numpy as np
import pytest

from optkit.convert import convert
from optkit.errors import BuildError
from optkit.spec import Conversion
from optkit.tflite.flatbuffer import parse_flatbuffer, tensor_type
from optkit.tflite.sparse import check_sparse
from optkit.tflite.weights import weights_of
from tests.convert import tiny


@pytest.fixture(scope="module")
def pruned():
    model = tiny.network()
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            kernel[np.abs(kernel) < np.quantile(np.abs(kernel), 0.8)] = 0
            layer.set_weights([kernel, bias])
    return model


def facts(data, path):
    path.write_bytes(data)
    return sorted((t.dtype, t.elements, t.zeros, t.distinct) for t in weights_of(path).tensors)


@pytest.mark.parametrize("mode", ["float32", "float16"])
def test_a_sparse_file_is_smaller_computes_the_same_and_is_read_as_the_dense_one(mode, pruned, tmp_path):
    x = tiny.samples()
    dense, sparse = (convert(pruned, Conversion(mode=mode, sparse=flag), x) for flag in (False, True))
    tensors = parse_flatbuffer(sparse).subgraphs[0].tensors
    assert any(tensor.sparsity for tensor in tensors)
    assert {"float32", "float16"} >= {tensor_type(t) for t in tensors if t.sparsity} >= {mode}
    assert len(sparse) < 0.75 * len(dense)
    np.testing.assert_allclose(tiny.run(sparse, x, 1), tiny.run(dense, x, 1), rtol=1e-5, atol=1e-5)
    path = tmp_path / "model.tflite"
    assert facts(sparse, path) == facts(dense, path)
    assert weights_of(path).sparsity == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("mode", ["dynamic_range", "int8"])
def test_integer_weights_that_the_runtime_cannot_run_sparse_are_refused(mode, pruned):
    with pytest.raises(BuildError, match=r"sparse: the runtime cannot run .* convert without sparse"):
        convert(pruned, Conversion(mode=mode, sparse=True), tiny.samples())


def test_a_model_without_zeros_is_refused():
    with pytest.raises(BuildError, match="prune more"):
        convert(tiny.network(), Conversion(sparse=True), tiny.samples())


def test_outputs_unlike_the_dense_ones_are_refused(pruned):
    x = tiny.samples(8)
    sparse = convert(pruned, Conversion(sparse=True), x)
    other = convert(tiny.network(seed=4), Conversion(), x)
    with pytest.raises(BuildError, match="computes this encoding wrongly"):
        check_sparse(sparse, other, x)
