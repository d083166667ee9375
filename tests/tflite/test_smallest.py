"""The smallest file: it computes what it did, to the bit, in every runtime, and is smaller zipped."""

import dataclasses
import zlib
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.studies.conformance.cases import cases
from benchmarks.studies.conformance.outcomes import outcomes, word, write_cases
from optkit.convert import convert
from optkit.keras.tensorflow import load_keras
from optkit.runtime.registry import RUNTIMES
from optkit.runtime.samples import run_samples
from optkit.spec import Conversion
from optkit.tflite.compact import compact
from optkit.tflite.flatbuffer import operator_name, parse_flatbuffer
from optkit.tflite.interface import interface_of
from optkit.tflite.smallest import smallest
from optkit.tflite.strip import named_parts, strip
from optkit.tflite.structure import verify_structure
from optkit.tflite.verify import verify
from tests.convert import tiny
from tests.tflite import models, networks
from tests.tflite.models import pack

MODES = ["float32", "float16", "dynamic_range", "int8", "int16x8", "int4_weights"]


def zipped(data):
    return len(zlib.compress(data))


@pytest.fixture(scope="module")
def keras_model():
    """Return a network with a Reshape at its start and a Flatten before a dense layer: input (64,), output 5."""
    keras = load_keras()
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.InputLayer(input_shape=(64,), name="image"),
            layers.Reshape((8, 8, 1), name="reshape"),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.MaxPool2D(2, name="pool"),
            layers.Flatten(name="flatten"),
            layers.Dense(5, name="logits"),
        ]
    )
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.2, w.shape).astype(np.float32) for w in model.get_weights()])
    return model


def samples(n=64, seed=2):
    return np.random.default_rng(seed).uniform(0, 1, (n, 64)).astype(np.float32)


@pytest.mark.parametrize("mode", MODES)
def test_outputs_are_bit_identical_at_every_batch(mode, keras_model):
    whole = convert(keras_model, Conversion(mode=mode, strip="nothing"), samples())
    stripped = strip(whole, "all")
    small = convert(keras_model, Conversion(mode=mode, strip="smallest"), samples())
    assert small == smallest(whole) == smallest(stripped) == smallest(small)
    verify(small, Path("small.tflite"))
    assert zipped(small) < zipped(stripped) - 90
    for batch in (1, 7, 32):
        x = samples(batch, seed=batch)
        np.testing.assert_array_equal(tiny.run(small, x), tiny.run(whole, x))
    model = parse_flatbuffer(small)
    names = [operator_name(model, operator) for operator in model.subgraphs[0].operators]
    assert names.count("RESHAPE") == 1, "the flattening went, and the reshape at the start stayed"
    assert len([name for name in names if name == "FULLY_CONNECTED"]) == 1
    assert set(named_parts(small)) <= {"reduced_precision_support"}, "what a delegate acts on"


def renamed(case):
    """Return a conformance case with the smallest file, and its arrays under the names that this file has left."""
    small = smallest(case.content)
    before, after = (interface_of(parse_flatbuffer(data), case.name) for data in (case.content, small))
    names = {
        old.name: new.name
        for end in ("inputs", "outputs")
        for old, new in zip(getattr(before, end), getattr(after, end), strict=True)
    }
    ends = {end: {names[name]: array for name, array in getattr(case, end).items()} for end in ("inputs", "outputs")}
    return dataclasses.replace(case, content=small, **ends)


@pytest.fixture(scope="module")
def conforming(tmp_path_factory):
    """Return the files of the conformance study, and the smallest of each: many operators, types and shapes."""
    pytest.importorskip("litert_quantizer", reason="the files are quantized by litert-quantizer")
    found = {}
    for end, made in {"before": cases(), "after": [renamed(case) for case in cases()]}.items():
        found[end] = made, tmp_path_factory.mktemp(end)
        write_cases(*found[end])
    return found


WAYS = [
    ("litert", {}),
    ("litert", {"api": "compiled_model"}),
    ("litert", {"kernels": "reference"}),
    ("tflite_micro", {}),
]


@pytest.mark.parametrize(("name", "settings"), WAYS, ids=str)
def test_each_runtime_gives_the_same_as_before(name, settings, conforming):
    """Not only close: off by the same. What was refused may run now: a reshape less."""
    runtime = RUNTIMES[name]
    if not runtime.installed:
        pytest.skip(f"runtime {name} is not installed: pip install 'optkit[{runtime.extra}]'")
    before, after = (outcomes(name, settings, *conforming[end]) for end in ("before", "after"))
    ran = [case for case, one in before.items() if word(one) != "refused"]
    assert {case: after[case] for case in ran} == {case: before[case] for case in ran}
    assert {word(after[case]) for case in before if case not in ran} <= {"refused", "same"}
    assert sum(word(one) == "same" for one in after.values()) >= 3, "it runs something"


def test_several_inputs_and_outputs_keep_the_names_that_tell_them_apart(tmp_path):
    data = pack(networks.two_ends())
    before, after = (networks.written(tmp_path / name, networks.two_ends()) for name in ("before", "after"))
    after.write_bytes(smallest(data))
    x = networks.two_samples()
    first, second = run_samples(before, x), run_samples(after, x)
    assert list(first) == list(second) == ["class", "flag"]
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.parametrize("name", models.MODELS)
def test_loops_sparse_weights_and_metadata(name, tmp_path):
    """A file of several subgraphs keeps them, a sparse tensor its encoding; the same file gives the same bytes."""
    data = pack(models.MODELS[name]())
    small = smallest(data)
    assert small == smallest(small)
    assert len(small) < len(data)
    before, after = parse_flatbuffer(data), verify(small, tmp_path / "small.tflite")
    assert len(after.subgraphs) == len(before.subgraphs)
    old, new = ([tensor for graph in model.subgraphs for tensor in graph.tensors] for model in (before, after))
    assert [tensor.sparsity is None for tensor in new] == [tensor.sparsity is None for tensor in old]
    assert [tensor.type for tensor in new] == [tensor.type for tensor in old]


def test_a_reshape_that_does_more_than_flatten_stays():
    """16 numbers as 2 rows of 8 into a dense layer of 8: without the reshape it would be another number of rows."""
    graph = networks.Graph()
    x = graph.add([1, 16], "x")
    shape = graph.add([2], "shape", networks.TYPE.INT32, np.array([-1, 8], np.int32))
    rows = graph.add([2, 8], "rows", free=False)
    graph.apply(networks.KIND.RESHAPE, [x, shape], [rows])
    model = graph.model([x], [graph.dense(rows, 8, 3, "dense", free=False)])
    after = parse_flatbuffer(smallest(pack(model)))
    assert [operator_name(after, one) for one in after.subgraphs[0].operators] == ["RESHAPE", "FULLY_CONNECTED"]


NUMBERS = st.lists(st.integers(-5, 5), max_size=3)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_compact_file_reads_as_the_same_values(data):
    """Random trees, whether or not they make sense as networks: what is written once must read as it was."""
    count = data.draw(st.integers(1, 4))
    made = models.dense_model()
    for _ in range(count):
        scales = data.draw(st.lists(st.sampled_from([0.5, 0.25, 1e-9]), max_size=3))
        found = models.tensor(data.draw(NUMBERS), data.draw(st.integers(0, 3)), data.draw(st.text(max_size=3)))
        found.shapeSignature = data.draw(st.one_of(st.none(), NUMBERS))
        found.isVariable = data.draw(st.booleans())
        if scales:
            points = [data.draw(st.integers(-128, 127)) for _ in scales]
            found.quantization = schema.QuantizationParametersT(scale=scales, zeroPoint=points)
        made.subgraphs[0].tensors.append(found)
    before = pack(made)
    after = compact(before)
    verify_structure(after)
    assert plain(parse_flatbuffer(after)) == plain(parse_flatbuffer(before))
    assert compact(after) == after
    assert len(after) <= len(before)


def plain(value):
    """Return a tree of the file as lists and tuples; an empty vector and none are the same."""
    if isinstance(value, (bytes, str, int, float, np.generic, type(None))):
        return (value.item() if isinstance(value, np.generic) else value) or None
    if isinstance(value, (list, np.ndarray)):
        return [plain(one) for one in value] or None
    return type(value).__name__, {name: plain(one) for name, one in vars(value).items()}
