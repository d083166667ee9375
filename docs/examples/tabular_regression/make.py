"""Make the model (prices.keras) and the data (prices.npz) of this example. You have your own: you need no such file."""

import keras
import numpy as np

rng = np.random.default_rng(1)
x = rng.normal(size=(1200, 8)).astype(np.float32)
y = (x[:, 0] + np.sin(x[:, 1]) + x[:, 2] * x[:, 3] + rng.normal(scale=0.1, size=1200)).astype(np.float32)
model = keras.Sequential(
    [keras.Input((8,)), keras.layers.Dense(32, "relu"), keras.layers.Dense(32, "relu"), keras.layers.Dense(1)]
)
model.compile(keras.optimizers.Adam(0.01), "mse")
model.fit(x[:800], y[:800], epochs=30, batch_size=32, verbose=2)
model.save("prices.keras", include_optimizer=False)
np.savez_compressed("prices.npz", x_train=x[:800], y_train=y[:800], x_test=x[800:], y_test=y[800:])
