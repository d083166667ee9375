"""A small version of the study of seeded faults: the guilty layer, the cause and the remedy, on one small network."""

import dataclasses
import json

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from benchmarks.studies.doctor_faults.__main__ import LEAST_LOSS, accuracy, judged, make_case
from benchmarks.studies.doctor_faults.faults import FAULTS, Case, old_kl
from optkit.data import Dataset
from optkit.doctor.causes import _uneven_inputs
from optkit.doctor.explanation import CAUSES, SOURCES, TITLES, Explanation
from optkit.doctor.matching import match
from optkit.doctor.quality import Quality, run_bytes
from optkit.doctor.remedies import candidates
from optkit.doctor.sweep import Sweep
from optkit.spec import Conversion
from optkit.tflite.flatbuffer import parse_flatbuffer
from tests.doctor.nets import int8
from tests.doctor.test_few_samples import seen_layer
from tests.isolation import ROOT
from tests.tflite.models import pack
from tests.tflite.networks import KIND, TYPE, Graph

INT8 = Conversion(mode="int8")
SMALL = ("few_samples", "scaled_channel", "small_bias", "shifted_logits")


@pytest.mark.parametrize("fault", SMALL)
def test_a_seeded_fault_is_found_and_mended(fault, plain, data, healthy):
    right = accuracy(healthy, data)
    cases = (make_case(plain, data, fault, seed, right) for seed in range(3, 9))
    case = next(found for found in cases if found)  # the first that costs enough
    found = judged(case, data, budget=4)
    assert found["layer"] in case.layers, found["explanations"]
    assert found["cause"] in case.causes, found["explanations"]
    assert found["recovered"] >= 0.8, found


def normalized(seed, channels=64, classes=10):
    """A network that begins with batch normalization by itself, as in a slimmed residual network, and its data.

    The products with its scales are of both signs and span 3.7 powers of ten.
    """
    graph = Graph(seed)
    rng = np.random.default_rng(seed)
    scales = (10 ** rng.uniform(-3.7, 0, channels) * rng.choice([-1, 1], channels)).astype(np.float32)
    shifts = np.where(scales < 0, -1.5 * scales, 0).astype(np.float32)
    x = graph.add([1, channels], "net/x")
    product = graph.add([1, channels], "net/bn/mul")
    graph.apply(KIND.MUL, [x, graph.add([channels], "net/bn/by", values=scales)], [product])
    total = graph.add([1, channels], "net/bn/add")
    graph.apply(KIND.ADD, [product, graph.add([channels], "net/bn/plus", values=shifts)], [total])
    relu = graph.apply(KIND.RELU, [total], [graph.add([1, channels], "net/relu/out")])
    content = pack(graph.model([x], [graph.dense(relu, channels, classes, "net/logits")], ("x", "scores")))
    samples = np.abs(rng.normal(size=(3000, channels))).astype(np.float32)
    y = run_bytes(content, {"x": samples}, ("x",))[0].argmax(axis=1).astype(np.int64)
    split = {"x_train": samples[:1000], "y_train": y[:1000], "x_test": samples[1000:], "y_test": y[1000:]}
    return content, Dataset(name="n", origin="n", digest="d", classes=classes, task="multiclass", **split)


def test_the_old_kl_calibration_is_found_by_itself():
    """It clipped a product of batch normalization that stands by itself to one sign."""
    content, data = normalized(12)
    plain, quantized, layers = old_kl(content, data.x_train, np.random.default_rng(0), 1.0)
    assert accuracy(plain, data) - accuracy(quantized, data) > 0.3
    found = judged(Case("old_kl", 0, plain, quantized, layers, ("clipped_range",)), data, budget=4)
    assert found["layer"] in layers, found["explanations"]
    assert found["cause"] == "clipped_range"
    assert "below zero" in found["explanations"][0][2] or "above zero" in found["explanations"][0][2]
    assert found["recovered"] >= 0.8


def test_what_the_old_kl_did_to_a_product_is_found_by_itself():
    content, data = normalized(12)
    case = make_case(content, data, "kl_clipped", 1, accuracy(content, data))
    assert case
    found = judged(case, data, budget=4)
    assert (found["layer"], found["cause"]) == (case.layers[0], "clipped_range"), found["explanations"]
    assert "zero is lost" in found["explanations"][0][2]
    assert set(found["changes"]) <= {"calibration", "calibration_samples"}  # another calibration mends it
    assert found["recovered"] >= 0.8


def test_logits_of_a_convolution_before_a_change_of_shape_are_logits():
    """MobileNet ends so: its last layer was told to be too coarse, and no step was counted."""
    graph = Graph(3)
    x = graph.add([1, 1, 1, 32], "net/x")
    w, b = graph.weights([6, 1, 1, 32], "net/kernel"), graph.weights([6], "net/bias")
    y = graph.add([1, 1, 1, 6], "net/logits")
    options = schema.Conv2DOptionsT(strideW=1, strideH=1, dilationWFactor=1, dilationHFactor=1)
    graph.apply(KIND.CONV_2D, [x, w, b], [y], options)
    shape = graph.add([2], "net/shape", TYPE.INT32, np.asarray([-1, 6], np.int32))
    flat = graph.add([1, 6], "net/flat")
    graph.apply(KIND.RESHAPE, [y, shape], [flat], schema.ReshapeOptionsT(newShape=[-1, 6]))
    content = pack(graph.model([x], [graph.softmax(flat, 6, "net/softmax")], ("x", "scores")))
    samples = np.random.default_rng(0).normal(size=(600, 1, 1, 32)).astype(np.float32)
    y = run_bytes(content, {"x": samples}, ("x",))[0].argmax(axis=1).astype(np.int64)
    split = {"x_train": samples[:200], "y_train": y[:200], "x_test": samples[200:], "y_test": y[200:]}
    data = Dataset(name="n", origin="n", digest="d", classes=6, task="multiclass", **split)
    case = make_case(content, data, "shifted_logits", 1, accuracy(int8(content, data.x_train), data))
    assert case
    found = judged(case, data, budget=4)
    assert (found["layer"] in case.layers, found["cause"]) == (True, "logit_scale"), found["explanations"]


@pytest.mark.parametrize(
    ("layer", "cause", "first"),
    [
        ("first", "unfolded_batch_normalization", {"equalize": True}),
        ("logits", "logit_scale", {"layers": {"logits": "float32", "softmax": "float32"}}),
    ],
)
def test_what_a_range_cannot_mend_is_not_left_for_the_end(plain, healthy, layer, cause, first):
    """With little time, calibrations came first, and what mends it was never tried."""
    matching = match(parse_flatbuffer(plain), parse_flatbuffer(healthy), ("a", "b"))
    one = Explanation(layer=layer, cause=cause, evidence="", figures={}, source="", remedy="")
    found = candidates([one], matching, Sweep(costs=(), everything=Quality(value=0, error=0), left=0, seconds=0), INT8)
    assert next(changes for _, changes, why in found if why and changes) == first


def test_a_healthy_file_has_no_fault_that_costs(plain, data, healthy):
    assert accuracy(plain, data) - accuracy(healthy, data) < LEAST_LOSS


@pytest.mark.parametrize(("large", "told"), [(1.0, False), (5.0, False), (100.0, True)])
def test_inputs_of_another_scale_that_meet_weights_under_one_scale_are_told(large, told):
    """All weights are rounded alike, so what is lost is the inputs' power: a large one has nearly all of it."""
    layer, wrong = seen_layer(np.random.default_rng(0), 10, 0.1), np.full((4, 10), 0.01, np.float32)
    before = dataclasses.replace(layer, rms=np.where(np.arange(10) == 3, large, 1.0))
    found = _uneven_inputs(layer.layer, wrong, before)
    assert (found is not None) == told
    if found:
        assert (found.cause, found.figures["channels"], found.figures["ratio"]) == ("channel_scales", 1, large)


def test_every_cause_has_a_title_and_a_source():
    assert set(TITLES) == set(SOURCES) == set(CAUSES)
    assert {cause for _, causes in FAULTS.values() for cause in causes} == set(CAUSES)


def test_the_tables_of_the_docs_count_the_saved_cases() -> None:
    lines = [json.loads(line) for line in (ROOT / "docs/results/doctor_faults.jsonl").read_text().splitlines()]
    cases = [line for line in lines if "left_out" not in line]
    counts = [sum(line[key] for line in cases) for key in ("layer_right", "cause_right", "mended")]
    rows = [x for x in (ROOT / "docs/evidence/doctor.md").read_text().splitlines() if x.startswith("| all |")]
    told = [[int(cell.split()[0]) for cell in row.strip("| ").split(" | ")[1:]] for row in rows]
    assert told == [[len(cases), *counts]] * 2
    assert len(cases) >= 30
    assert len({line["network"] for line in cases}) >= 5
    assert all(count >= share * len(cases) for count, share in zip(counts, (0.9, 0.8, 0.8), strict=True))
