"""The integers in the file are the trained ones, whatever the mode and the type that holds them."""

from typing import Any

import numpy as np
import pytest

from optkit.convert import convert, on_grid
from optkit.errors import BuildError
from optkit.keras.tensorflow import load_keras
from optkit.spec import Conversion, Precision
from optkit.tflite.flatbuffer import parse_flatbuffer, tensor_name, tensor_type, tensor_values, weight_operators
from tests.convert import tiny


def trained(bits, sparse=0.0, network=tiny.network):
    """A network whose weights are integers times a step, with channels that miss integers; and those integers."""
    model = network()
    rng = np.random.default_rng(bits)
    largest = 2 ** (bits - 1) - 1
    integers = {}
    for layer in model.layers:
        for weight in layer.weights:
            if "kernel" not in weight.name:
                continue
            whole = rng.integers(-largest, largest + 1, weight.shape)
            whole[rng.random(weight.shape) < sparse] = 0
            channels = weight.shape[-2:] if "depthwise" in weight.name else weight.shape[-1:]
            flat = whole.reshape(-1, int(np.prod(channels)))
            flat[0] = 1  # so that no channel has a common factor
            flat[1:, 0] = np.where(np.abs(flat[1:, 0]) > 5, 5, 3 if largest > 3 else 0)
            steps = rng.uniform(0.01, 0.1, channels).astype(np.float32)
            weight.assign(whole.astype(np.float32) * steps)
            integers[layer.name] = np.moveaxis(whole.reshape(*whole.shape[: -len(channels)], -1), -1, 0)
    return model, integers


def stored(data):
    tree = parse_flatbuffer(data)
    for graph in tree.subgraphs:
        for _, tensor in weight_operators(tree, graph):
            yield tensor_name(tensor).split("/")[1].split(";")[0], tensor_type(tensor), tensor_values(tree, tensor)


MODES: tuple[Any, ...] = ("int8", "int16x8", "dynamic_range", "int4_weights")


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("mode", MODES)
def test_the_files_integers_are_the_trained_ones_and_it_runs(bits, mode):
    model, integers = trained(bits)
    x = tiny.samples()
    data = convert(model, Conversion(mode=mode), x, bits=dict.fromkeys(integers, bits))
    for name, kind, values in stored(data):
        assert np.array_equal(values, integers[name]), (name, kind)
    wanted = model.predict(x, verbose=0)
    assert np.abs(tiny.run(data, x) - wanted).max() < 0.03 * np.abs(wanted).max()


def test_two_bits_are_kept_in_two_only_where_a_kernel_runs():
    model, integers = trained(2)
    for mode in MODES:
        data = convert(model, Conversion(mode=mode), tiny.samples(), bits=dict.fromkeys(integers, 2))
        kinds = {name: kind for name, kind, _ in stored(data)}
        assert kinds["hidden"] == "int2"
        assert kinds["conv"] in ("int4", "int8")


@pytest.mark.parametrize("kind", ["int8", "int4", "int2"])
def test_a_type_that_is_asked_for_is_given(kind: Precision) -> None:
    model, integers = trained(2)
    conversion = Conversion(mode="int8", layers={"hidden": kind})
    data = convert(model, conversion, tiny.samples(), bits=dict.fromkeys(integers, 2))
    found = {name: (stored_as, values) for name, stored_as, values in stored(data)}
    assert found["hidden"][0] == kind
    assert np.array_equal(found["hidden"][1], integers["hidden"])


def test_depthwise_and_separable_convolutions_keep_theirs():
    def network():
        keras = load_keras()
        layers = keras.layers
        return keras.Sequential(
            [
                layers.InputLayer(input_shape=(8, 8, 1), name="image"),
                layers.Conv2D(4, 3, activation="relu", name="conv"),
                layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise"),
                layers.Conv2DTranspose(4, 3, name="transposed"),
                layers.Flatten(name="flatten"),
                layers.Dense(5, name="logits"),
            ],
            name="kinds",
        )

    model, integers = trained(4, network=network)
    # channels of a transposed convolution come before its inputs
    layer = model.get_layer("transposed")
    whole = np.random.default_rng(1).integers(-7, 8, layer.kernel.shape)
    layer.kernel.assign(whole * np.float32(0.03))
    integers["transposed"] = np.moveaxis(whole, -2, 0)
    data = convert(model, Conversion(mode="int8"), tiny.samples(), bits=dict.fromkeys(integers, 4))
    found = {name: (kind, values) for name, kind, values in stored(data)}
    assert found["depthwise"][0] == "int8", "there is no int4 kernel"
    assert np.array_equal(np.moveaxis(found["depthwise"][1][0], -1, 0), integers["depthwise"])
    assert np.array_equal(found["transposed"][1], integers["transposed"])


def test_weights_that_left_their_grid_are_refused():
    model, integers = trained(4)
    layer = model.get_layer("hidden")
    layer.kernel.assign(layer.kernel + np.random.default_rng(1).normal(0, 1e-3, layer.kernel.shape))
    with pytest.raises(BuildError, match="layer hidden was trained in 4 bits, but its weights lie on no such grid"):
        convert(model, Conversion(mode="int8"), tiny.samples(), bits=dict.fromkeys(integers, 4))


def test_other_integers_in_the_file_are_refused(monkeypatch):
    """Catches a quantizer that chooses a scale of its own."""
    model, integers = trained(4)
    real = on_grid._range

    def wider(grid, kind, channel):
        return {name: 1.5 * bound for name, bound in real(grid, kind, channel).items()}

    monkeypatch.setattr(on_grid, "_range", wider)
    with pytest.raises(BuildError, match=r"layer conv .*has other integers than the trained ones"):
        convert(model, Conversion(mode="int8"), tiny.samples(), bits=dict.fromkeys(integers, 4))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"algorithm": "octav"}, "algorithm is 'octav'"),
        ({"mode": "float16"}, "float16 rounds the weights of conv, hidden, logits"),
        ({"layers": {"conv": "float16"}}, "float16 rounds the weights"),
        ({"granularity": "per_tensor"}, "granularity is 'per_tensor'"),
        ({"equalize": True}, "equalize is True"),
        ({"layers": {"hidden": "int4"}}, "hidden was trained in 8 bits, which int4 does not hold"),
        ({"layers": {"conv": "int2"}}, "cannot have int2 weights"),
    ],
)
def test_what_would_choose_other_integers_is_refused(fields, says):
    model, integers = trained(8)
    with pytest.raises(BuildError, match=says):
        convert(model, Conversion(**{"mode": "int8", **fields}), tiny.samples(), bits=dict.fromkeys(integers, 8))


def test_a_layer_that_is_not_in_the_file_is_named():
    model, integers = trained(4)
    with pytest.raises(BuildError, match="the weights of gone, trained in few bits, are in no operator"):
        convert(model, Conversion(mode="int8"), tiny.samples(), bits={**dict.fromkeys(integers, 4), "gone": 4})


@pytest.mark.parametrize("bits", [2, 4])
def test_packed_bytes_are_those_of_the_file(bits: int) -> None:
    model, integers = trained(bits)
    kind: Precision = "int2" if bits == 2 else "int4"
    data = convert(model, Conversion(mode="int8", layers={"hidden": kind}), tiny.samples(), bits={"hidden": bits})
    tree = parse_flatbuffer(data)
    (tensor,) = (t for _, t in weight_operators(tree, tree.subgraphs[0]) if "hidden" in tensor_name(t))
    packed = on_grid._packed(integers["hidden"].reshape(-1).astype(np.int8), bits)
    assert bytes(tree.buffers[tensor.buffer].data) == packed
