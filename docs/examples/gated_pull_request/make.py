"""Make the models and the data of this example. You have your own: you need no such file.

motion.tflite is the model that ships. retrained_well.tflite has learnt for longer; retrained_badly.tflite is twice as
wide and has hardly learnt at all.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(1)
y = rng.integers(0, 3, 900).astype(np.uint8)
steps = np.linspace(0, 1, 24)
pure = np.sin(2 * np.pi * (steps * (2 + 2 * y[:, None]) + rng.random((900, 1))))
x = (pure + rng.normal(scale=0.6, size=pure.shape)).astype(np.float32)


def make(name: str, units: int, epochs: int) -> None:
    """Train a network of two hidden layers and write it to `name`.tflite."""
    keras.utils.set_random_seed(1)
    hidden = [keras.layers.Dense(units, "relu"), keras.layers.Dense(units, "relu")]
    model = keras.Sequential([keras.Input((24,)), *hidden, keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    model.fit(x[:500], y[:500], epochs=epochs, batch_size=32, verbose=2)
    with open(f"{name}.tflite", "wb") as file:
        file.write(tf.lite.TFLiteConverter.from_keras_model(model).convert())


make("motion", 24, 12)
make("retrained_well", 24, 30)
make("retrained_badly", 48, 1)
np.savez_compressed("motion.npz", x_train=x[:500], y_train=y[:500], x_test=x[500:], y_test=y[500:])
