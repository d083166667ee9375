"""Layers of two files are matched by what they compute; files that do not belong together are refused."""

import numpy as np
import pytest

from optkit.doctor.matching import match
from optkit.errors import ArtifactError
from optkit.tflite.flatbuffer import parse_flatbuffer
from optkit.tflite.mend import mend
from tests.doctor import nets
from tests.tflite.models import pack
from tests.tflite.networks import classifier


def matched(first, second):
    return match(parse_flatbuffer(first), parse_flatbuffer(second))


@pytest.mark.parametrize("keep", ["nothing", "keep_names", "all"])
def test_every_layer_is_found_with_and_without_names(plain, data, keep):
    quantized = nets.int8(plain, data.x_train, strip=keep)
    found = matched(plain, quantized)
    assert [layer.name for layer in found.layers] == [
        "input net/image", "first", "second", "flat", "logits", "softmax",
    ]  # fmt: skip
    assert found.missing == ()
    by_name = {layer.name: layer for layer in found.layers}
    assert by_name["first"].stored == "int8"
    assert by_name["first"].per_channel
    assert by_name["first"].form.dtype == "int8"
    assert by_name["flat"].chain == ()  # it has the scale of what it reads: it adds no error of its own


def test_an_activation_that_only_the_float_file_has_by_itself_is_looked_through(healthy):
    apart = nets.network(separate_relu=True)
    found = matched(apart, healthy)
    assert found.missing == ()
    layer = next(layer for layer in found.layers if layer.name == "first")
    names = [found.float_view.tensors[layer.output].name]
    assert names == [b"net/relu/out"]  # what is compared is what both have: the output after the ReLU


def test_constants_are_the_values_that_the_integers_stand_for(plain, healthy):
    for layer in matched(plain, healthy).layers:
        for index, values in layer.constants.items():
            own = matched(plain, healthy).float_view.values(index)
            assert np.abs(values - own).max() <= np.abs(own).max() / 127 + 1e-9


def test_another_network_is_refused_with_both_shapes(healthy):
    with pytest.raises(ArtifactError, match=r"their inputs have the shapes .*16.* and .*8, 8, 3"):
        matched(mend(pack(classifier())), healthy)


def test_the_same_network_with_other_weights_is_refused(plain):
    other = nets.network(seed=9)
    with pytest.raises(ArtifactError, match="their weights are not alike"):
        matched(plain, nets.int8(other, nets.images(20, 3)))
