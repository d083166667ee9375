"""Bytes that are cut, changed, shared or very many: the verifier answers, and soon."""

import struct
import time

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from benchmarks.studies.mutate_tflite.damage import mutate
from optkit.errors import ArtifactError, OptkitError
from optkit.tflite.verify import verify, verify_file
from optkit.tflite.weights import weights_of
from tests.tflite.models import (
    MODELS,
    NAME,
    dense_model,
    first,
    graph,
    opcode,
    pack,
    weights,
)


@pytest.mark.parametrize("kind", MODELS)
def test_no_beginning_of_a_file_is_a_file(kind):
    data = pack(MODELS[kind]())
    for length in range(len(data)):
        with pytest.raises(ArtifactError):
            verify(data[:length], NAME)


def test_a_table_that_is_pointed_at_very_often_is_not_read_very_often():
    model = dense_model()
    data = pack(model)
    root = struct.unpack_from("<I", data)[0]
    vtable = root - struct.unpack_from("<i", data, root)[0]
    graphs = root + struct.unpack_from("<H", data, vtable + 4 + 2 * 2)[0]
    graph_at = graphs + struct.unpack_from("<I", data, graphs)[0] + 4
    graph_at += struct.unpack_from("<I", data, graph_at)[0]
    count = 100_000
    start = len(data) + -len(data) % 4
    bomb = bytearray(data.ljust(start, b"\0"))
    # offsets count on from where they are and are not negative, so the shared graph is copied behind them
    shift = start + 4 + 4 * count
    bomb += struct.pack("<I", count)
    bomb += b"".join(struct.pack("<I", shift + graph_at - (start + 4 + 4 * k)) for k in range(count))
    bomb += data
    struct.pack_into("<I", bomb, graphs, start - graphs)
    began = time.process_time()
    with pytest.raises(ArtifactError, match=r"more than 300000 tables|longer than the file"):
        verify(bytes(bomb), NAME)
    assert time.process_time() - began < 20


def test_a_vector_that_many_tables_share_is_not_read_very_often(monkeypatch):
    """Catches a small file that keeps the verifier busy for hours: each tensor's shape is looked at by itself."""
    shared: list[int] = []

    def pack_sharing(self, builder):
        shared[:] = shared or [builder.CreateNumpyVector(np.ones(50_000, np.int32))]
        schema.TensorStart(builder)
        schema.TensorAddShape(builder, shared[0])
        return schema.TensorEnd(builder)

    model = dense_model()
    model.subgraphs[0].tensors *= 500
    monkeypatch.setattr(schema.TensorT, "Pack", pack_sharing)
    with pytest.raises(ArtifactError, match="vectors together are longer than the file"):
        verify(pack(model), NAME)


def test_a_name_that_is_no_text():
    data = bytearray(pack(dense_model()))
    at = data.index(b"serving_default")
    data[at] = 0xFF
    with pytest.raises(ArtifactError, match=r"SignatureDef\.signatureKey at byte \d+ is not UTF-8"):
        verify(bytes(data), NAME)
    data[at + len(b"serving_default")] = 1
    with pytest.raises(ArtifactError, match="does not end with a zero"):
        verify(bytes(data), NAME)


def test_a_newer_schema_with_further_slots_is_accepted():
    """A table may have slots that this schema does not know; only their layout is longer."""
    builder = flatbuffers.Builder(0)
    key = builder.CreateString("a key")
    builder.StartObject(9)
    builder.PrependUOffsetTRelativeSlot(2, key, 0)
    builder.PrependUint32Slot(8, 77, 0)
    newer = builder.EndObject()
    builder.Finish(newer)
    from optkit.tflite.structure import _Walk

    data = bytes(builder.Output())
    _Walk(data).table("SignatureDef", struct.unpack_from("<I", data)[0])


@pytest.mark.parametrize("kind", MODELS)
def test_mutations_end_in_an_answer_or_an_error_of_ours(kind, tmp_path):
    """What is accepted can be read to the end: neither another exception, nor long work."""
    data, accepted, told = pack(MODELS[kind]()), 0, []
    path = tmp_path / "model.tflite"
    for seed in range(150):
        _, copy = mutate(data, seed)
        path.write_bytes(copy)
        began = time.process_time()
        try:
            verify_file(path)
            accepted += 1
            weights_of(path)
        except OptkitError as error:
            told.append(str(error))
        assert time.process_time() - began < 2
    assert accepted
    assert not [text for text in told if "\n" in text]


def test_a_large_file_is_verified_without_reading_it_all(tmp_path):
    model = dense_model()
    size = 200 * 2**20
    weights(model).shape = [3, size // 12]
    graph(model).tensors[0].shape = [1, size // 12]
    model.buffers[1] = schema.BufferT(offset=4096, size=size // 12 * 12)
    path = tmp_path / "large.tflite"
    with path.open("wb") as file:
        file.write(pack(model))
        file.truncate(4096 + size)  # no block of it is on the disk
    began = time.process_time()
    verify_file(path)
    assert time.process_time() - began < 0.5


def test_a_missing_and_an_empty_file(tmp_path):
    with pytest.raises(ArtifactError, match="cannot be read: No such file"):
        verify_file(tmp_path / "none.tflite")
    (tmp_path / "empty.tflite").write_bytes(b"")
    with pytest.raises(ArtifactError, match="lacks the identifier TFL3"):
        verify_file(tmp_path / "empty.tflite")


def test_opcodes_above_127_are_in_the_newer_field():
    model = dense_model()
    model.operatorCodes.append(opcode(schema.BuiltinOperator.CALL_ONCE))
    first(model).opcodeIndex = 1
    with pytest.raises(ArtifactError, match="lacks its CallOnceOptions"):
        verify(pack(model), NAME)
