"""The simulation is the float file where nothing is quantized, and near the int8 file where all is."""

import numpy as np
import pytest

from optkit.doctor.layer_errors import errors_of
from optkit.doctor.quality import make_test, run_bytes
from optkit.doctor.simulate import PARTS, parts_of, simulated
from optkit.doctor.sweep import sweep
from optkit.measure.metrics import choose_scorer
from optkit.tflite.flatbuffer import parse_flatbuffer
from optkit.tflite.interface import interface_of
from tests.doctor import nets
from tests.doctor.test_layer_errors import seen_in


@pytest.fixture(scope="module")
def case(tmp_path_factory, plain, data, healthy):
    seen = seen_in(tmp_path_factory.mktemp("sweep"), plain, healthy, data.x_train[:30])
    interface = interface_of(parse_flatbuffer(plain), "it")
    test = make_test(plain, interface, data, choose_scorer(None, "multiclass"), 100)
    return plain, seen, test


def test_nothing_simulated_is_the_float_file(case, data):
    plain, _, test = case
    again = run_bytes(simulated(plain, {}), test.x, test.names)
    np.testing.assert_array_equal(again[0], test.expected[0])
    assert test.measure(simulated(plain, {})).error == 0


def test_everything_simulated_is_near_the_int8_file(case, healthy):
    plain, seen, test = case
    layers = [one.layer for one in seen if one.layer.quantized]
    both = simulated(plain, {layer: PARTS for layer in layers}), healthy
    outputs = [run_bytes(content, test.x, test.names)[0] for content in both]
    assert np.abs(outputs[0] - outputs[1]).max() <= 4 / 256  # steps of a softmax
    assert np.abs(outputs[0] - test.expected[0]).max() > 0


def test_a_layer_quantized_alone_has_the_integers_values(case):
    plain, seen, test = case
    logits = next(one.layer for one in seen if one.layer.name == "logits")
    last = next(one.layer for one in seen if one.layer.kind == "SOFTMAX")
    [found] = run_bytes(simulated(plain, {last: PARTS}), test.x, test.names)
    form = last.form
    expected = (
        np.clip(np.round(test.expected[0] / form.scale) + form.zero_point, -128, 127) - form.zero_point
    ) * form.scale
    np.testing.assert_allclose(found, expected, atol=form.scale * 1.01)
    assert parts_of(last) == ("activation",)
    assert parts_of(logits) == PARTS


def test_costs_are_ranked_and_the_costliest_are_looked_into(case):
    plain, seen, test = case
    layers = [one.layer for one in seen if one.layer.quantized]
    found = sweep(plain, layers, errors_of(seen), test, 30)
    errors = [cost.alone.error for cost in found.costs]
    assert errors == sorted(errors, reverse=True)
    assert (len(found.costs), found.left) == (len(layers), 0)
    assert all(cost.parts for cost in found.costs[:3])
    restored = [cost.restored for cost in found.costs if cost.restored]
    assert len(restored) == len(layers)
    assert restored[0].error < found.everything.error  # without the costliest layer less is lost


def test_a_budget_that_is_spent_leaves_layers_and_says_how_many(case):
    plain, seen, test = case
    layers = [one.layer for one in seen if one.layer.quantized]
    found = sweep(plain, layers, errors_of(seen), test, 1e-9)
    assert (len(found.costs), found.left) == (1, len(layers) - 1)


def test_a_network_of_another_shape_can_be_simulated(data):
    """Catches an inserted operator that stands before what makes its input."""
    apart = nets.network(separate_relu=True)
    quantized = nets.int8(apart, data.x_train)
    from optkit.doctor.matching import match

    layers = [one for one in match(parse_flatbuffer(apart), parse_flatbuffer(quantized)).layers if one.quantized]
    [found] = run_bytes(simulated(apart, {layer: PARTS for layer in layers}), {"image": data.x_test[:9]}, ("image",))
    assert found.shape == (9, nets.CLASSES)
