"""The fake quantizer against the paper's formulas, and the soft entropy against the real one."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optkit.keras.low_bit import (
    code_lengths,
    first_steps,
    low_bit_layers,
    quantized,
    soft_bits,
    unwrap_low_bit,
    wrap_low_bit,
)
from optkit.keras.tensorflow import load_keras, load_tensorflow, make_deterministic
from optkit.tflite.weights import order_0_bytes


def lsq(v: Any, s: float, largest: int) -> tuple[list[float], float, list[float]]:
    """Equations 1 to 3 and 5 of Esser et al. 2020, one weight after the other."""
    values: list[float] = []
    of_weight: list[float] = []
    of_step = 0.0
    for weight in v:
        ratio = weight / s
        if -largest < ratio < largest:
            values.append(np.rint(ratio) * s)
            of_step += np.rint(ratio) - ratio
            of_weight.append(1.0)
        else:
            values.append(np.sign(ratio) * largest * s)
            of_step += np.sign(ratio) * largest
            of_weight.append(0.0)
    return values, of_step / np.sqrt(len(v) * largest), of_weight


@pytest.mark.parametrize("largest", [1, 3, 7, 127])
def test_values_and_gradients_are_those_of_the_paper(largest):
    tf = load_tensorflow()
    rng = np.random.default_rng(largest)
    kernel = rng.normal(0, 1, (6, 3)).astype(np.float32)
    step = np.array([[0.2, 0.03, 0.9]], np.float32)
    with tf.GradientTape() as tape:
        v, s = tf.Variable(kernel), tf.Variable(step)
        tape.watch([v, s])
        found = quantized(v, s, largest)
        total = tf.reduce_sum(found)
    of_weight, of_step = (gradient.numpy() for gradient in tape.gradient(total, [v, s]))
    for channel in range(3):
        values, slope, passed = lsq(kernel[:, channel].astype(float), float(step[0, channel]), largest)
        assert found.numpy()[:, channel] == pytest.approx(values, rel=1e-5)
        assert of_step[0, channel] == pytest.approx(slope, rel=1e-3, abs=1e-4)
        assert of_weight[:, channel].tolist() == passed


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-7, 7), min_size=1, max_size=60), st.floats(0.01, 10))
def test_on_the_grid_the_soft_bits_are_no_fewer_than_the_entropy(integers, step):
    whole = np.array(integers, np.float32)
    bits = soft_bits(load_tensorflow().constant(whole * np.float32(step)), np.array([step], np.float32), 7)
    counts = np.unique(integers, return_counts=True)[1]
    assert float(bits) >= 8 * order_0_bytes(counts) * (1 - 1e-5)


def test_of_weights_that_fall_off_on_both_sides_of_zero_they_are_the_entropy():
    counts = np.array([5, 40, 300, 2000, 300, 40, 5])
    whole = np.repeat(np.arange(-3, 4), counts).astype(np.float32)
    bits = soft_bits(load_tensorflow().constant(whole * np.float32(0.3)), np.array([0.3], np.float32), 3)
    assert float(bits) == pytest.approx(8 * order_0_bytes(counts), rel=0.005)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=2, max_size=9))
def test_code_lengths_are_those_of_the_nearest_falling_distribution(counts):
    """Against pooling of adjacent violators, the textbook's algorithm."""
    weights = [1.0] + [2.0] * (len(counts) - 1)
    blocks: list[list[float]] = []
    for count, weight in zip(counts, weights, strict=True):
        blocks.append([count + 0.5 * weight, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] < blocks[-1][0] / blocks[-1][1]:
            later = blocks.pop()
            blocks[-1] = [left + right for left, right in zip(blocks[-1], later, strict=True)]
    total = sum(counts) + 0.5 * sum(weights)
    expected = [-np.log2(mass / width / total) for mass, width, many in blocks for _ in range(int(many))]
    found = code_lengths(load_tensorflow().constant(counts, "float32")).numpy()
    assert found.tolist() == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_soft_bits_pull_a_weight_towards_zero_and_never_away():
    tf = load_tensorflow()
    kernel = tf.Variable(np.array([0.0] * 20 + [0.3, -0.6, 1.0], np.float32))
    with tf.GradientTape() as tape:
        bits = soft_bits(kernel, np.array([1.0], np.float32), 3)
    slope = tape.gradient(bits, kernel).numpy()
    assert slope[20] == pytest.approx(-slope[21])
    assert slope[20] > 1
    near = soft_bits(tf.constant(np.array([0.0] * 20 + [0.301, -0.6, 1.0], np.float32)), np.array([1.0], np.float32), 3)
    assert float(near - bits) == pytest.approx(slope[20] * 0.001, rel=0.05)
    # As many at -1 and 1 as take one bit each: the entropy's own slope would hold them there.
    kernel = tf.Variable(np.array([1.0, -1.0] * 20 + [0.9, 0.0], np.float32))
    with tf.GradientTape() as tape:
        bits = soft_bits(kernel, np.array([1.0], np.float32), 3)
    assert (tape.gradient(bits, kernel).numpy() * np.sign(kernel.numpy()) >= 0).all()


def test_first_steps_are_the_papers_and_zeros_do_not_count():
    kernel = np.array([[1, 0, 0], [-3, 4, 0]], np.float32)
    assert first_steps(kernel, (-1,), 4).tolist() == [[2.0, 4.0, 3.0]]
    assert first_steps(np.zeros((2, 2), np.float32), (-1,), 1).tolist() == [[2.0, 2.0]]


def every_kind():
    make_deterministic(1)
    keras = load_keras()
    layers = keras.layers
    image = keras.Input((8, 8, 2), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="conv")(image)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same", name="depthwise")(x)
    x = layers.SeparableConv2D(4, 3, padding="same", name="separable")(x)
    x = layers.Conv2DTranspose(2, 3, padding="same", name="transposed")(x)
    x = layers.Reshape((16, 8), name="sequence")(x)
    x = layers.SeparableConv1D(4, 3, name="separable1")(layers.Conv1D(4, 3, name="conv1")(x))
    shared = layers.Dense(4, name="shared")
    x = layers.Flatten(name="flatten")(shared(shared(x)))
    return keras.Model(image, layers.Dense(3, name="logits")(x), name="every_kind")


def test_every_kind_of_layer_is_wrapped_called_on_its_grid_and_unwrapped():
    tf = load_tensorflow()
    model = every_kind()
    x = np.random.default_rng(1).random((2, 8, 8, 2)).astype(np.float32)
    before = model.get_weights()
    largest = {layer.name: 3 for layer in low_bit_layers(model)}
    assert len(largest) == 8
    wrapped = wrap_low_bit(model, largest, keeps_zeros=False, entropy_penalty=1.0)
    with tf.GradientTape() as tape:
        outputs = wrapped(x, training=True)
        loss = tf.reduce_sum(outputs**2)
    gradients = tape.gradient(loss, wrapped.trainable_variables)
    names = [v.name for v, g in zip(wrapped.trainable_variables, gradients, strict=True) if g is None]
    assert names == [], "every weight and every step learns"
    # a bit a weight on average, however many layers there are and however often one is called
    assert 0.5 < float(tf.add_n(wrapped.losses)) < np.log2(7)
    found = unwrap_low_bit(wrapped)
    assert [w.shape for w in found.get_weights()] == [w.shape for w in before]
    assert np.allclose(found(x).numpy(), outputs.numpy(), atol=1e-5)
    kernels = [w for w in found.weights if "kernel" in w.name]
    assert len(kernels) == 10
    assert all(len(np.unique(w.numpy()[..., 0])) <= 7 * 8 for w in kernels)
