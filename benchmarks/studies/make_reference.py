"""Make the reference model that times are normalized by: `optkit/measure/reference.tflite`.

python -m benchmarks.studies.make_reference -o optkit/measure/reference.tflite

The same library versions give the same bytes. Another file is another reference, and times normalized by different
references are not comparable: this is run to see how the file was made, and hardly ever to replace it.
"""

import argparse
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from optkit import Conversion
from optkit.convert import convert
from optkit.keras.tensorflow import load_keras, make_deterministic

SHAPE = (32, 32, 3)
SEED = 20260101


def network() -> Any:
    """A small float network of ordinary layers, some 4 million multiplications a sample and 60 kB of weights."""
    keras = load_keras()
    layers = keras.layers
    inputs = keras.Input(SHAPE, name="image")
    x = layers.Conv2D(16, 3, padding="same", activation="relu", name="conv_1")(inputs)
    x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu", name="conv_2")(x)
    x = layers.Conv2D(32, 3, padding="same", activation="relu", name="conv_3")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(inputs, layers.Dense(10, name="scores")(x), name="reference")
    rng = np.random.default_rng(SEED)
    # He et al. 2015 (arXiv:1502.01852): activations keep their scale, so that none becomes denormal
    model.set_weights(
        [
            rng.normal(0, np.sqrt(2 / np.prod(w.shape[:-1])), w.shape).astype(np.float32)
            if w.ndim > 1
            else np.zeros(w.shape, np.float32)
            for w in model.get_weights()
        ]
    )
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    output = parser.parse_args().output
    make_deterministic(SEED)
    data = convert(network(), Conversion(strip="all"), np.zeros((0, *SHAPE), np.float32))
    output.write_bytes(data)
    print(f"{output}: {len(data):,} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
