"""Damaged .tflite files are refused, one defect at a time; valid ones of every kind are not."""

import struct

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from optkit.errors import ArtifactError
from optkit.tflite.flatbuffer import read_flatbuffer
from optkit.tflite.verify import verify, verify_file
from tests.isolation import ROOT
from tests.tflite.models import (
    MODELS,
    NAME,
    WEIGHTS,
    buffer,
    dense_model,
    first,
    graph,
    opcode,
    operator,
    pack,
    sparse_model,
    tensor,
    weights,
)


def old(model):
    """As a converter of 2019 wrote it: no signature, no metadata, an empty vector in each buffer without values."""
    model.signatureDefs = model.metadata = None
    model.operatorCodes[0].builtinCode = 0
    model.buffers[0].data = np.zeros(0, np.uint8)
    model.buffers.append(schema.BufferT(data=np.zeros(0, np.uint8)))
    model.subgraphs[0].tensors[3].buffer = len(model.buffers) - 1


def packed_int4(model):
    weights = model.subgraphs[0].tensors[1]
    weights.type, weights.shape = schema.TensorType.INT4, [3, 3]
    model.subgraphs[0].tensors[0].shape = [1, 3]
    model.buffers[1] = buffer(np.zeros(5, np.uint8))


def no_bias(model):
    model.subgraphs[0].operators[0].inputs = [0, 1, -1]


def variable(model):
    model.subgraphs[0].tensors[2].isVariable, model.subgraphs[0].tensors[2].buffer = True, 0


def any_batch(model):
    model.subgraphs[0].tensors[0].shapeSignature = [-1, 4]
    model.subgraphs[0].tensors[0].shape = [-1, 4]


def empty_constant(model):
    model.subgraphs[0].tensors.append(tensor([0], 0, "nothing"))
    model.subgraphs[0].operators[0].inputs = [0, 1, 4]


def empty_result(model):
    model.subgraphs[0].tensors.append(tensor([0], 0, "nothing"))
    model.operatorCodes.append(opcode(schema.BuiltinOperator.RELU))
    model.subgraphs[0].operators.append(operator([3], [4], opcode=1))


def strings(model):
    model.subgraphs[0].tensors.append(tensor([2], 4, "words", schema.TensorType.STRING))
    model.buffers.append(buffer(np.frombuffer(struct.pack("<4i", 2, 16, 18, 21) + b"anfry", np.uint8)))


def newer_options(model):
    model.subgraphs[0].operators[0].builtinOptionsType = 0
    model.subgraphs[0].operators[0].builtinOptions = None


def blocks(model):
    """Blocks of two columns; three columns need two blocks."""
    weights = model.subgraphs[0].tensors[1]
    weights.shape, model.subgraphs[0].tensors[0].shape = [3, 3], [1, 3]
    weights.sparsity.traversalOrder, weights.sparsity.blockMap = [0, 1, 2], [1]
    weights.sparsity.dimMetadata[1].arrayIndices.values = [1, 0, 1]
    weights.sparsity.dimMetadata.append(schema.DimensionMetadataT(format=0, denseSize=2))
    model.buffers[1] = buffer(np.zeros(6, np.float32))


@pytest.mark.parametrize("kind", MODELS)
def test_whole_files_are_accepted(kind):
    assert verify(pack(MODELS[kind]()), NAME).subgraphs


@pytest.mark.parametrize(
    "change", [old, packed_int4, no_bias, variable, any_batch, empty_constant, empty_result, strings, newer_options]
)
def test_what_other_converters_write_is_accepted(change):
    model = dense_model()
    change(model)
    verify(pack(model), NAME)


def test_a_sparse_file_with_blocks_is_accepted():
    model = sparse_model()
    blocks(model)
    verify(pack(model), NAME)


@pytest.mark.parametrize("path", [ROOT / "optkit/measure/reference.tflite", None])
def test_files_of_the_project_are_accepted(path, built_store):
    paths = [path] if path else list(built_store.rglob("model.tflite"))
    assert paths
    for one in paths:
        assert verify_file(one).subgraphs


def test_buffers_after_the_flatbuffer(tmp_path):
    model = dense_model()
    model.buffers[1] = schema.BufferT(offset=4096, size=WEIGHTS.nbytes)
    data = pack(model)
    path = tmp_path / "large.tflite"
    path.write_bytes(data.ljust(4096, b"\0") + WEIGHTS.tobytes())
    assert bytes(read_flatbuffer(path).buffers[1].data) == WEIGHTS.tobytes()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ArtifactError, match=r"buffer 1 lies at byte 4096 \+ 48 of 4143"):
        verify_file(path)


def set_of(get, field, value):
    return lambda model: setattr(get(model), field, value)


def quantization(model):
    return weights(model).quantization


def sparsity(model):
    return weights(model).sparsity


def columns(model):
    return sparsity(model).dimMetadata[1]


def rows(model):
    return sparsity(model).dimMetadata[0]


DEFECTS = [
    ("dense", set_of(lambda m: m, "version", 4), "schema has version 4"),
    ("dense", set_of(lambda m: m, "subgraphs", []), "no subgraph"),
    ("dense", set_of(graph, "inputs", [4]), "takes tensor 4 of 4"),
    ("dense", set_of(graph, "outputs", [-1]), "returns tensor -1 of 4"),
    ("dense", set_of(first, "inputs", [0, 1, 9]), "reads tensor 9 of 4"),
    ("dense", set_of(first, "inputs", [0, 1, -2]), "reads tensor -2 of 4"),
    ("dense", set_of(first, "inputs", [0, -1, 2]), "lacks an input"),
    ("dense", set_of(first, "outputs", [-1]), "makes tensor -1 of 4"),
    ("dense", set_of(first, "outputs", [1]), "makes tensor 1, which is there already"),
    ("dense", set_of(first, "inputs", [3, 1, 2]), "reads tensor 3, which nothing before it makes"),
    ("dense", set_of(first, "intermediates", [7]), "uses tensor 7 of 4"),
    ("dense", set_of(first, "opcodeIndex", 1), "is of kind 1 of 1"),
    ("dense", set_of(first, "largeCustomOptionsOffset", 2**40), "options beyond the end"),
    ("dense", set_of(graph, "operators", []), "returns tensor 3, which no operator makes"),
    ("dense", set_of(weights, "buffer", 4), "is in buffer 4 of 4"),
    ("dense", set_of(weights, "type", 99), "is of type 99"),
    ("dense", set_of(weights, "externalBuffer", 1), "in another file"),
    ("dense", set_of(weights, "shape", [3, -4]), r"has the shape \[3, -4\]"),
    ("dense", set_of(weights, "shape", [3, 5]), "needs 60 bytes and has 48"),
    ("dense", set_of(weights, "shape", [2**16, 2**16]), "more than 2147483647 elements"),
    ("dense", set_of(weights, "shape", [1] * 40), "40 dimensions"),
    ("dense", set_of(weights, "shapeSignature", [3]), "shape signature"),
    ("dense", set_of(weights, "type", schema.TensorType.STRING), "strings"),
    ("dense", set_of(lambda m: m.metadata[0], "buffer", 4), "metadata is in buffer 4 of 4"),
    ("dense", set_of(lambda m: m, "metadataBuffer", [-1]), "metadata is in buffer -1"),
    ("dense", set_of(lambda m: m.signatureDefs[0], "subgraphIndex", 1), "signature is of subgraph 1 of 1"),
    ("dense", set_of(lambda m: m.signatureDefs[0].inputs[0], "tensorIndex", 4), "signature names tensor 4 of 4"),
    ("int8", set_of(quantization, "scale", [0.5, 0.25]), "2 scales along dimension 0"),
    ("int8", set_of(quantization, "quantizedDimension", 2), "3 scales along dimension 2"),
    ("int8", set_of(quantization, "zeroPoint", [0, 0]), "2 zero points for 3 scales"),
    ("int8", set_of(quantization, "zeroPoint", [0, 0, 128]), "zero point outside of -128 to 127"),
    ("int8", set_of(quantization, "scale", [0.5, float("nan"), 1]), "no number"),
    ("int8", set_of(quantization, "scale", [0.5, -1.0, 1]), "negative"),
    ("sparse", set_of(sparsity, "traversalOrder", [0, 0]), r"traversal order \[0, 0\]"),
    ("sparse", set_of(sparsity, "blockMap", [5]), "traversal order"),
    ("sparse", set_of(rows, "denseSize", 2**31 - 1), "dense size of 2147483647; expected 3"),
    ("sparse", set_of(rows, "denseSize", -(2**31)), "dense size of -2147483648; expected 3"),
    ("sparse", set_of(rows, "format", 7), "format 7"),
    ("sparse", lambda m: set_of(lambda m: columns(m).arraySegments, "values", [0, 2, 1, 3])(m), "not rising from 0"),
    ("sparse", lambda m: set_of(lambda m: columns(m).arraySegments, "values", [0, 3])(m), "2 segments"),
    ("sparse", lambda m: set_of(lambda m: columns(m).arraySegments, "values", [0, 1, 1, 4])(m), "tell of 4"),
    ("sparse", lambda m: set_of(lambda m: columns(m).arrayIndices, "values", [2, 0, 4])(m), "outside of 0 to 3"),
    ("sparse", set_of(columns, "arraySegments", None), "0 segments"),
    ("sparse", set_of(lambda m: m.buffers[1], "data", np.zeros(8, np.uint8)), "3 values and 8 bytes"),
    ("sparse", set_of(weights, "shape", [3, 2**29]), "too few to be true"),
    ("loop", set_of(lambda m: first(m).builtinOptions, "bodySubgraphIndex", 3), "runs subgraph 3 of 3"),
    ("loop", set_of(lambda m: first(m).builtinOptions, "bodySubgraphIndex", 0), "runs itself"),
    ("loop", set_of(first, "builtinOptionsType", 0), "lacks its WhileOptions"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "damage", "told"), DEFECTS, ids=[told for _, _, told in DEFECTS])
def test_a_defect_is_told_in_one_line(kind, damage, told):
    model = MODELS[kind]()
    damage(model)
    with pytest.raises(ArtifactError, match=told) as caught:
        verify(pack(model), NAME)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("model.tflite is damaged: ")
