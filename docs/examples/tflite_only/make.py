"""Make the model (waves.tflite) and the data (waves.npz) of this example. You have your own: you need no such file."""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(1)
y = rng.integers(0, 3, 800).astype(np.uint8)
steps = np.linspace(0, 1, 32)
pure = np.sin(2 * np.pi * (steps * (2 + 2 * y[:, None]) + rng.random((800, 1))))
x = (pure + rng.normal(scale=0.8, size=pure.shape)).astype(np.float32)
model = keras.Sequential(
    [keras.Input((32,)), keras.layers.Dense(24, "relu"), keras.layers.Dense(16, "relu"), keras.layers.Dense(3)]
)
model.compile(
    keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
)
model.fit(x[:400], y[:400], epochs=20, batch_size=32, verbose=2)
with open("waves.tflite", "wb") as file:
    file.write(tf.lite.TFLiteConverter.from_keras_model(model).convert())
np.savez_compressed("waves.npz", x_train=x[:400], y_train=y[:400], x_test=x[400:], y_test=y[400:])
