"""Make the model (watch.keras) and the data (watch.npz) of this example. You have your own: you need no such file."""

import keras
import numpy as np

rng = np.random.default_rng(1)
motion = rng.normal(size=(900, 16, 3)).astype(np.float32)
person = rng.normal(size=(900, 4)).astype(np.float32)
y = ((motion[:, :, 0].mean(1) * 4 + person[:, 0]) > 0).astype(np.uint8) + 2 * (person[:, 1] > 0).astype(np.uint8)

first, second = keras.Input((16, 3), name="motion"), keras.Input((4,), name="person")
found = keras.layers.Conv1D(8, 3, activation="relu")(first)
found = keras.layers.Flatten()(found)
found = keras.layers.Concatenate()([found, keras.layers.Dense(8, activation="relu")(second)])
model = keras.Model([first, second], keras.layers.Dense(4, activation="softmax")(found))
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit([motion[:600], person[:600]], y[:600], epochs=15, batch_size=32, verbose=2)
model.save("watch.keras", include_optimizer=False)
np.savez_compressed(
    "watch.npz",
    x_train_motion=motion[:600],
    x_train_person=person[:600],
    y_train=y[:600],
    x_test_motion=motion[600:],
    x_test_person=person[600:],
    y_test=y[600:],
)
