"""Equalized channels: what they promise of the float file, and what they give in int8."""

import numpy as np
import pytest

from optkit.convert.equalize import equalized, find_pairs
from optkit.convert.from_tflite import convert_tflite
from optkit.doctor.quality import run_bytes
from optkit.errors import DataError, SuiteError
from optkit.spec import Conversion
from optkit.spec.keys import canonical
from optkit.suites.tables import convert_table
from optkit.tflite.flatbuffer import parse_flatbuffer
from optkit.tflite.view import View, write_floats
from tests.doctor import nets
from tests.tflite.models import pack
from tests.tflite.networks import classifier


def scaled(content, factors):
    """Return the network with its first layer's channels times `factors`, and the second's weights by them."""
    from ai_edge_litert.tools import flatbuffer_utils

    model = parse_flatbuffer(content)
    view = View(model)
    first, second = (node for node in view.nodes if node.kind == "CONV_2D")
    for index, shape in ((first.constants[1], (-1, 1, 1, 1)), (first.constants[2], (-1,))):
        write_floats(model, view.tensors[index], view.values(index) * factors.reshape(shape))
    write_floats(model, view.tensors[second.constants[1]], view.values(second.constants[1]) / factors)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


@pytest.fixture(scope="module")
def network():
    return nets.network()


FACTORS = np.array([100, 1, 1, 0.01, 1, 1, 30, 1], np.float32)


def outputs(content, x):
    return run_bytes(content, {"image": x}, ("image",))[0]


def test_the_float_outputs_stay(network):
    x = nets.images(50, 5)
    for content in (network, scaled(network, FACTORS), nets.network(separate_relu=True)):
        np.testing.assert_allclose(outputs(equalized(content), x), outputs(content, x), atol=2e-6)


def test_channels_between_two_layers_have_one_scale_behind_it(network):
    view = View(parse_flatbuffer(equalized(scaled(network, FACTORS))))
    first, second = (node for node in view.nodes if node.kind == "CONV_2D")
    sizes = (
        np.abs(view.values(first.constants[1])).max(axis=(1, 2, 3)),
        np.abs(view.values(second.constants[1])).max(axis=(0, 1, 2)),
    )
    ratio = sizes[0] / sizes[1]
    assert ratio.max() / ratio.min() < 1.01  # Nagel et al., equation 11: each channel's two ranges are alike


def test_it_undoes_what_scaled_channels_cost_in_int8(network):
    x, test = nets.images(100, 1), nets.images(300, 2)
    content = scaled(network, FACTORS)
    expected = outputs(network, test).argmax(axis=1)
    right = {}
    for equalize in (False, True):
        data = convert_tflite(content, Conversion(mode="int8", equalize=equalize), x, tried=True)
        right[equalize] = np.mean(outputs(data, test).argmax(axis=1) == expected)
    assert right[True] > 0.9
    assert right[True] > right[False] + 0.1


def test_what_has_no_two_such_layers_stays_the_same_bytes():
    content = pack(classifier())
    assert len(find_pairs(View(parse_flatbuffer(content)))) == 1  # hidden, a ReLU, logits
    one = nets.network(softmax=True)
    assert equalized(one) != one


@pytest.mark.parametrize("field", ["equalize", "bias_correction"])
def test_they_are_fields_that_old_keys_do_not_have(field):
    assert field not in canonical(Conversion(mode="int8"))
    made = convert_table(Conversion, {"mode": "int8", field: True}, "conversion")
    assert canonical(made)[field] is True
    assert made.uses_quantizer
    with pytest.raises(SuiteError, match="has no integer weights; drop it"):
        convert_table(Conversion, {"mode": "float32", field: True}, "conversion")


def test_bias_correction_needs_samples():
    with pytest.raises(DataError, match="bias_correction needs samples"):
        convert_tflite(pack(classifier()), Conversion(mode="dynamic_range", bias_correction=True), None, tried=True)


def test_layers_can_keep_an_operator_without_weights_in_float(network):
    data = convert_tflite(
        network, Conversion(mode="int8", layers={"softmax": "float32"}), nets.images(20, 1), tried=True
    )
    view = View(parse_flatbuffer(data))
    node = next(node for node in view.nodes if node.kind == "SOFTMAX")
    assert view.forms(node.outputs[0]) == ()
    assert view.tensors[node.outputs[0]].type == 0  # FLOAT32
