"""Make the model (mood.keras) and the data (mood.npz) of this example. You have your own: you need no such file."""

import keras
import numpy as np

rng = np.random.default_rng(1)
WORDS, LENGTH = 200, 20


def texts(samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return word ids, int32 (samples, 20), and labels: 1 when words below 20 outnumber those from 20 to 39."""
    x = np.where(rng.random((samples, LENGTH)) < 0.5, rng.integers(0, 40, (samples, LENGTH)), 0)
    x = np.where(x == 0, rng.integers(40, WORDS, (samples, LENGTH)), x).astype(np.int32)
    y = ((x < 20).sum(1) > ((x >= 20) & (x < 40)).sum(1)).astype(np.uint8)
    return x, y


(x_train, y_train), (x_test, y_test) = texts(1000), texts(400)
model = keras.Sequential(
    [
        keras.Input((LENGTH,), dtype="int32"),
        keras.layers.Embedding(WORDS, 8),
        keras.layers.Conv1D(16, 3, activation="relu"),
        keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, epochs=10, batch_size=32, verbose=2)
model.save("mood.keras", include_optimizer=False)
np.savez_compressed("mood.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
