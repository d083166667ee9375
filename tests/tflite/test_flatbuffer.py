"""Values of constant tensors: sparse ones made dense, int4 unpacked, all checked against plain encoders."""

import itertools
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st

from optkit.errors import ArtifactError
from optkit.tflite.flatbuffer import tensor_values


def encode(dense, order, blocks, formats):
    """Encode `dense` level by level, as the schema describes it: `blocks` maps a dimension to its block size."""
    rank = dense.ndim
    blocked = sorted(blocks)
    sizes = [-(-dense.shape[d] // blocks.get(d, 1)) for d in range(rank)] + [blocks[d] for d in blocked]
    padded = np.zeros([sizes[d] * blocks.get(d, 1) for d in range(rank)], dense.dtype)
    padded[tuple(slice(0, size) for size in dense.shape)] = dense

    def at(coordinates):
        return padded[
            tuple(
                coordinates[d] * blocks[d] + coordinates[rank + blocked.index(d)] if d in blocks else coordinates[d]
                for d in range(rank)
            )
        ]

    def filled(prefix):
        rest = [d for d in order if d not in prefix]
        return any(
            at({**prefix, **dict(zip(rest, c, strict=True))}) != 0
            for c in itertools.product(*(range(sizes[d]) for d in rest))
        )

    prefixes: list[dict[Any, Any]] = [{}]
    metas = []
    for dimension, compressed in zip(order, formats, strict=True):
        meta = schema.DimensionMetadataT()
        if compressed:
            segments, indices, below = [0], [], []
            for prefix in prefixes:
                chosen = [i for i in range(sizes[dimension]) if filled({**prefix, dimension: i})]
                indices += chosen
                segments.append(len(indices))
                below += [{**prefix, dimension: i} for i in chosen]
            meta.format, meta.arraySegments, meta.arrayIndices = 1, schema.Int32VectorT(), schema.Int32VectorT()
            meta.arraySegments.values, meta.arrayIndices.values = segments, indices
        else:
            meta.format, meta.denseSize = 0, sizes[dimension]
            below = [{**prefix, dimension: i} for prefix in prefixes for i in range(sizes[dimension])]
        prefixes = below
        metas.append(meta)
    sparsity = schema.SparsityParametersT()
    sparsity.traversalOrder, sparsity.blockMap, sparsity.dimMetadata = list(order), blocked, metas
    return np.array([at(prefix) for prefix in prefixes], dense.dtype), sparsity


def model_of(raw, shape, kind, sparsity=None):
    model, buffer, tensor = schema.ModelT(), schema.BufferT(), schema.TensorT()
    buffer.data = np.frombuffer(raw, np.uint8)
    model.buffers = [schema.BufferT(), buffer]
    tensor.shape, tensor.type, tensor.buffer, tensor.sparsity, tensor.name = list(shape), kind, 1, sparsity, b"w"
    return model, tensor


@settings(max_examples=60, deadline=None)
@given(data=st.data(), rows=st.integers(1, 5), columns=st.integers(1, 9), seed=st.integers(0, 9999))
def test_a_sparse_matrix_comes_back_dense(data, rows, columns, seed):
    rng = np.random.default_rng(seed)
    dense = (rng.integers(-9, 9, (rows, columns)) * (rng.random((rows, columns)) < 0.4)).astype(np.int8)
    blocks = data.draw(st.sampled_from([{}, {1: 4}, {0: 2}, {0: 2, 1: 3}]))
    order = (*data.draw(st.permutations([0, 1])), *range(2, 2 + len(blocks)))
    formats = [*data.draw(st.lists(st.booleans(), min_size=2, max_size=2)), *[False] * len(blocks)]
    values, sparsity = encode(dense, order, blocks, formats)
    model, tensor = model_of(values.tobytes(), dense.shape, schema.TensorType.INT8, sparsity)
    np.testing.assert_array_equal(tensor_values(model, tensor), dense)


@given(st.lists(st.integers(-8, 7), min_size=1, max_size=9))
def test_int4_comes_back_unpacked(values):
    even = [*values, 0] if len(values) % 2 else values
    raw = bytes((low & 15) | ((high & 15) << 4) for low, high in zip(even[::2], even[1::2], strict=True))
    model, tensor = model_of(raw, (len(values),), schema.TensorType.INT4)
    assert tensor_values(model, tensor).tolist() == values


def test_a_tensor_with_too_few_values_or_of_a_strange_type_is_refused():
    model, tensor = model_of(b"1234", (5,), schema.TensorType.INT8)
    with pytest.raises(ArtifactError, match="holds only 4"):
        tensor_values(model, tensor)
    model, tensor = model_of(b"1234", (1,), schema.TensorType.STRING)
    with pytest.raises(ArtifactError, match="STRING"):
        tensor_values(model, tensor)
