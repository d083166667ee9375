"""Tiny networks and a plain runner for the conversion tests."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from optkit.keras.tensorflow import load_keras


def network(seed=3, width=64):
    """Return an untrained Conv-Dense network with fixed random weights: input (8, 8, 1), output 5."""
    keras = load_keras()
    keras.backend.clear_session()
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.InputLayer(input_shape=(8, 8, 1), name="image"),
            layers.Conv2D(8, 3, activation="relu", name="conv"),
            layers.Flatten(name="flatten"),
            layers.Dense(width, activation="relu", name="hidden"),
            layers.Dense(5, name="logits"),
        ],
        name="tiny",
    )
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.2, w.shape).astype(np.float32) for w in model.get_weights()])
    return model


def samples(n=64, seed=5):
    return np.random.default_rng(seed).uniform(0, 1, (n, 8, 8, 1)).astype(np.float32)


def run(model, x, batch=None):
    """Return the real outputs of .tflite bytes for `x`, `batch` samples a call."""
    batch = batch or len(x)
    interpreter = Interpreter(model_content=bytes(model), num_threads=1)
    given = interpreter.get_input_details()[0]
    interpreter.resize_tensor_input(given["index"], [batch, *x.shape[1:]])
    interpreter.allocate_tensors()
    result = interpreter.get_output_details()[0]
    found = []
    for start in range(0, len(x), batch):
        part = x[start : start + batch]
        if given["dtype"] != np.float32:
            scale, zero = given["quantization"]
            limits = np.iinfo(given["dtype"])
            part = np.clip(np.round(part / scale) + zero, limits.min, limits.max)
        interpreter.set_tensor(given["index"], part.astype(given["dtype"]))
        interpreter.invoke()
        raw = interpreter.get_tensor(result["index"])
        if result["dtype"] != np.float32:
            raw = ((raw.astype(np.float64) - result["quantization"][1]) * result["quantization"][0]).astype(np.float32)
        found.append(raw)
    return np.concatenate(found)


def types(model):
    interpreter = Interpreter(model_content=bytes(model), num_threads=1)
    return tuple(
        np.dtype(d["dtype"]).name for d in (*interpreter.get_input_details(), *interpreter.get_output_details())
    )
