"""Make the model (shapes.h5) and the data (shapes.npz) of this example. You have your own: you need no such file."""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # this example keeps its model as Keras 2 did, in an .h5 file

import numpy as np
import tf_keras as keras

rng = np.random.default_rng(1)


def images(samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy images, uint8 (samples, 12, 12, 1), and labels: where the bright square stands, 0 to 3."""
    y = rng.integers(0, 4, samples).astype(np.uint8)
    x = rng.integers(0, 120, (samples, 12, 12, 1))
    for image, label in zip(x, y, strict=True):
        row, column = divmod(int(label), 2)
        image[row * 6 + 1 : row * 6 + 5, column * 6 + 1 : column * 6 + 5] += 60
    return x.astype(np.uint8), y


(x_train, y_train), (x_test, y_test) = images(400), images(400)
model = keras.Sequential(
    [
        keras.Input((12, 12, 1)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(8, 3, activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Flatten(),
        keras.layers.Dense(4, activation="softmax"),
    ]
)
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, epochs=10, batch_size=32, verbose=2)
model.save("shapes.h5", include_optimizer=False)
np.savez_compressed("shapes.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
