"""Stripping: nothing that the runtime computes changes, and nothing that it does not need stays."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from optkit.convert import convert
from optkit.spec import Conversion
from optkit.tflite.flatbuffer import parse_flatbuffer
from optkit.tflite.strip import named_parts, strip
from optkit.tflite.weights import weights_of
from tests.convert import tiny

CONVERSIONS = {
    "float32": Conversion(strip="nothing"),
    "float16": Conversion(mode="float16", strip="nothing"),
    "dynamic_range": Conversion(mode="dynamic_range", strip="nothing"),
    "int8": Conversion(mode="int8", strip="nothing"),
    "int4": Conversion(mode="int4_weights", strip="nothing"),
    "large": Conversion(layers={"hidden": "float32", "conv": "float16"}, strip="nothing"),
}


@pytest.fixture(scope="module")
def files():
    x = tiny.samples()
    # the wide one is over 256 KB: LiteRT's quantizer then puts the buffers after the flatbuffer
    return {
        name: convert(tiny.network(width=256 if name == "large" else 64), conversion, x)
        for name, conversion in CONVERSIONS.items()
    }


@pytest.mark.parametrize("keep", ["keep_names", "all"])
@pytest.mark.parametrize("name", CONVERSIONS)
def test_outputs_are_bit_identical_and_the_file_smaller(name, keep, files):
    data, x = files[name], tiny.samples(seed=9)
    small = strip(data, keep)
    for batch in (1, 32):
        np.testing.assert_array_equal(tiny.run(small, x, batch), tiny.run(data, x, batch))
    assert len(small) < len(data) - 300
    assert strip(data, keep) == small
    assert strip(small, keep) == small, "there is nothing left to strip"


def test_names_of_inputs_outputs_and_signatures_can_be_kept(files):
    before, after = (Interpreter(model_content=data) for data in (files["int8"], strip(files["int8"], "keep_names")))
    for details in ("get_input_details", "get_output_details"):
        assert getattr(after, details)()[0]["name"] == getattr(before, details)()[0]["name"] != ""
    assert after.get_signature_list() == before.get_signature_list() != {}
    x = tiny.samples(1)
    before, after = (model.get_signature_runner("serving_default")(image=x) for model in (before, after))
    np.testing.assert_array_equal(before["logits"], after["logits"])


def test_no_string_is_left_when_all_are_stripped(files):
    assert named_parts(files["int8"])
    assert named_parts(strip(files["int8"], "all")) == []


def test_weight_facts_of_a_stripped_file_differ_in_names_alone(files, tmp_path):
    facts = []
    for name, data in (("whole", files["int4"]), ("stripped", strip(files["int4"], "all"))):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(data)
        facts.append([(t.dtype, t.elements, t.zeros, t.distinct) for t in weights_of(path).tensors])
    assert facts[0] == facts[1]
    assert {t.name for t in weights_of(path).tensors} == {""}


def test_equal_buffers_become_one():
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(
        convert(tiny.network(), Conversion(strip="nothing"), tiny.samples())
    )
    used = next(tensor for tensor in model.subgraphs[0].tensors if b"hidden/MatMul" in tensor.name)
    model.buffers.append(model.buffers[used.buffer])
    extra = flatbuffer_utils.TensorT()
    extra.__dict__.update(used.__dict__)
    extra.buffer = len(model.buffers) - 1
    model.subgraphs[0].tensors.append(extra)
    data = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    small = strip(data, "all")
    assert len(small) < len(data) - len(model.buffers[used.buffer].data)
    buffers = [bytes(b.data) for b in parse_flatbuffer(small).buffers if b.data is not None]
    assert len(set(buffers)) == len(buffers)


def test_conversion_strips(files):
    for keep in ("keep_names", "all"):
        data = convert(tiny.network(), Conversion(mode="int8", strip=keep), tiny.samples())
        assert data == strip(files["int8"], keep)
