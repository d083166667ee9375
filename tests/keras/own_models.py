"""Small Keras 3 models with random weights, of the layers that people use."""

import numpy as np

from optkit.keras.keras3 import load_own_keras


def randomized(model, seed=0):
    """Give each weight random values, so that no layer is an identity; variances stay positive."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        values = rng.normal(0, 0.3, weight.shape)
        weight.assign(np.abs(values) + 0.5 if "variance" in weight.name else values)
    return model


def image():
    """A network with branches: convolutions of all kinds, batch normalization, pooling, a shared layer."""
    keras = load_own_keras()
    layers = keras.layers
    given = keras.Input((16, 16, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="scaled")(given)
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="conv")(x)
    x = layers.BatchNormalization(name="bn")(x)
    x = layers.LeakyReLU(negative_slope=0.1, name="leaky")(x)
    left = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    right = layers.SeparableConv2D(8, 3, padding="same", activation="relu", name="separable")(x)
    x = layers.Add(name="add")([left, right])
    x = layers.MaxPooling2D(name="pool")(x)
    shared = layers.Conv2D(8, 1, activation="swish", name="shared")
    x = layers.Concatenate(name="both")([shared(x), shared(layers.AveragePooling2D(1, name="same")(x))])
    x = layers.Dropout(0.5, name="dropout")(x)
    x = layers.ZeroPadding2D(1, name="padded")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dense(16, activation="relu", kernel_regularizer="l2", name="hidden")(x)
    return randomized(keras.Model(given, layers.Dense(5, activation="softmax", name="scores")(x), name="image_net"))


def text():
    """Ids to one number: embedding, recurrent and one-dimensional layers, attention."""
    keras = load_own_keras()
    layers = keras.layers
    given = keras.Input((12,), dtype="int32", name="ids")
    x = layers.Embedding(20, 8, name="words")(given)
    x = layers.Conv1D(8, 3, padding="same", activation="relu", name="conv")(x)
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True, name="lstm"), name="both_ways")(x)
    x = layers.LayerNormalization(name="norm")(x)
    x = layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    x = layers.GRU(6, name="gru")(x)
    return randomized(keras.Model(given, layers.Dense(1, activation="sigmoid", name="score")(x), name="text_net"))


def two():
    """Two inputs, two outputs, and a model as a layer."""
    keras = load_own_keras()
    layers = keras.layers
    inner = keras.Sequential([keras.Input((6,)), layers.Dense(4, activation="tanh", name="dense")], name="inner")
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    x = layers.Multiply(name="product")([inner(a), inner(b)])
    ends = [layers.Dense(3, activation="softmax", name="class")(x), layers.Dense(1, name="value")(x)]
    return randomized(keras.Model([a, b], ends, name="two_net"))


def stack():
    """A Sequential model."""
    keras = load_own_keras()
    layers = keras.layers
    return randomized(
        keras.Sequential(
            [
                keras.Input((8, 8, 1), name="digit"),
                layers.Conv2D(4, 3, activation="relu", name="conv"),
                layers.Flatten(name="flat"),
                layers.Dense(5, name="logits"),
            ],
            name="stack_net",
        )
    )


def inputs(model, n=4, seed=1):
    rng = np.random.default_rng(seed)
    shapes = [(tensor.name, (n, *tensor.shape[1:]), np.dtype(tensor.dtype)) for tensor in model.inputs]
    return {
        name: (rng.integers(0, 20, shape) if kind.kind == "i" else rng.normal(size=shape)).astype(kind)
        for name, shape, kind in shapes
    }
