"""Operations between layers, and more kinds of layers, are carried over from Keras 3; the outputs are compared."""

import numpy as np
import pytest

from optkit.errors import BuildError
from optkit.keras.keras3 import load_own_keras
from optkit.keras.rebuild import rebuild
from tests.keras import own_models


def arithmetic(keras, x):
    ops = keras.ops
    x = x / 255.0 - 0.5
    x = keras.layers.Dense(8, name="dense")(1.0 - x)
    x = ops.concatenate([ops.relu(x), ops.tanh(-x)], axis=-1)
    y = keras.layers.Dense(16, name="other")(x)
    return ops.softmax(ops.maximum(x + y, x * y) * 3.0)


def pooled(keras, x):
    x = keras.ops.reshape(x, (-1, 4, 4, 3)) if len(x.shape) != 4 else x
    conv = keras.layers.Conv2D(4, 3, padding="same", name="conv")(x)
    return keras.ops.mean(conv, axis=[1, 2]) + keras.ops.max(keras.ops.relu6(conv), axis=(1, 2))


@pytest.mark.parametrize(("make", "shape"), [(arithmetic, (12,)), (pooled, (6, 6, 3))])
def test_operations_that_a_layer_does_as_well_are_rebuilt(make, shape, tmp_path):
    keras = load_own_keras()
    given = keras.Input(shape, name="x")
    source = own_models.randomized(keras.Model(given, make(keras, given)))
    made = rebuild(source, tmp_path / "model.keras")  # which compares the outputs
    x = np.random.default_rng(3).normal(size=(4, *shape)).astype(np.float32)
    np.testing.assert_allclose(made.predict(x, verbose=0), source.predict(x, verbose=0), rtol=1e-4, atol=1e-5)


def test_dropout_works_while_a_rebuilt_model_is_trained_and_only_then(tmp_path):
    """Keras 3 saves the call that made the model with training = False: carried over, nothing would be dropped."""
    keras = load_own_keras()
    given = keras.Input((32,), name="x")
    kept = keras.layers.BatchNormalization(name="bn")(keras.layers.Dropout(0.5, name="dropout")(given))
    source = own_models.randomized(keras.Model(given, keras.layers.Dense(8, name="dense")(kept)))
    assert source.get_config()["layers"][1]["inbound_nodes"][0]["kwargs"] == {"training": False}
    made = rebuild(source, tmp_path / "model.keras")
    x = np.ones((4, 32), np.float32)
    assert not np.allclose(made(x, training=True), made(x, training=True))
    np.testing.assert_array_equal(made(x, training=False), made(x))
    before = made.get_layer("bn").get_weights()[2]
    made.compile("sgd", "mse")
    made.fit(x, np.zeros((4, 8)), verbose=0)
    assert not np.allclose(made.get_layer("bn").get_weights()[2], before), "it follows what it sees in training"


@pytest.mark.parametrize(
    "operation",
    [
        lambda keras, x: 2.0 / (x + 9.0),
        lambda keras, x: keras.ops.mean(x, axis=-1),
        lambda keras, x: keras.ops.softmax(x, axis=1),
        lambda keras, x: x[:, 1:],
    ],
)
def test_other_operations_are_refused_by_name(operation, tmp_path):
    keras = load_own_keras()
    given = keras.Input((4, 3), name="x")
    source = keras.Model(given, operation(keras, given))
    with pytest.raises(BuildError, match="it is an operation, not a layer"):
        rebuild(source, tmp_path / "model.keras")


def _sequence(keras):
    layers = keras.layers
    return (12, 4), [
        layers.ZeroPadding1D(2),
        layers.Conv1DTranspose(6, 3, padding="same"),
        layers.GroupNormalization(2),
        layers.UpSampling1D(2),
        layers.Permute((2, 1)),
        layers.SpatialDropout1D(0.2),
        layers.Cropping1D(1),
        layers.TimeDistributed(layers.Dense(5)),
        layers.PReLU(),
        layers.SimpleRNN(4, return_sequences=True),
        layers.GlobalMaxPooling1D(),
        layers.RepeatVector(2),
        layers.GaussianNoise(0.1),
        layers.UnitNormalization(),
    ]


def _image(keras):
    layers = keras.layers
    return (8, 8, 3), [
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(0.1),
        layers.RandomZoom(0.1),
        layers.Resizing(12, 12),
        layers.CenterCrop(10, 10),
        layers.Cropping2D(1),
        layers.UpSampling2D(2, interpolation="bilinear"),
        layers.Conv2DTranspose(4, 3, strides=2, padding="same"),
        layers.ELU(),
        layers.AveragePooling2D(2, padding="same"),
        layers.LayerNormalization(axis=[1, 2]),
        layers.GlobalMaxPooling2D(keepdims=True),
        layers.Flatten(),
        layers.EinsumDense("ab,bc->ac", output_shape=3, bias_axes="c"),
    ]


@pytest.mark.parametrize("make", [_sequence, _image])
def test_layers_are_rebuilt(make, tmp_path):
    keras = load_own_keras()
    shape, layers = make(keras)
    source = own_models.randomized(keras.Sequential([keras.Input(shape, name="x"), *layers]))
    made = rebuild(source, tmp_path / "model.keras")
    assert [layer.name for layer in made.layers] == [layer.name for layer in source.layers]


def test_merging_layers_are_rebuilt(tmp_path):
    keras = load_own_keras()
    layers = keras.layers
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    merged = [getattr(layers, kind)()([a, b]) for kind in ("Average", "Maximum", "Minimum", "Subtract", "Multiply")]
    source = keras.Model([a, b], layers.Concatenate()([*merged, layers.Dot(axes=1, normalize=True)([a, b])]))
    made = rebuild(source, tmp_path / "model.keras")
    assert made.output_shape == (None, 31)
