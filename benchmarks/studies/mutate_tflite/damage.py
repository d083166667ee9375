"""Small .tflite files of one network, and damaged copies of files, by seeds."""

from __future__ import annotations

import random
from pathlib import Path

EXTREME = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF)


def mutate(data: bytes, seed: int) -> tuple[str, bytes]:
    """Return one damaged copy of `data` and the kind of damage. Half of them hit the 4 kB at either end of the file.

    The weights are most of a file and the tables of a flatbuffer lie around them.
    """
    rng = random.Random(seed)
    copy = bytearray(data)

    def place(step: int = 1) -> int:
        low, high = rng.choice([(0, len(data)), (0, min(4096, len(data))), (max(0, len(data) - 4096), len(data))])
        return min(rng.randrange(low, high) // step * step, len(data) - step)

    def word(at: int, value: int) -> None:
        copy[at : at + 4] = (value % 2**32).to_bytes(4, "little")

    # what moves everything after it is nearly always found; single damages are the ones that get far
    kinds = ["bit", "bits", "bytes", "truncate", "insert", "remove", "offset", "extreme", "extremes"]
    kind = rng.choices(kinds, (4, 1, 1, 1, 1, 1, 2, 4, 1))[0]
    if kind in ("bit", "bits"):
        for _ in range(1 if kind == "bit" else rng.randint(2, 30)):
            copy[place()] ^= 1 << rng.randrange(8)
    elif kind == "bytes":
        for _ in range(rng.randint(1, 10)):
            copy[place()] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    elif kind == "truncate":
        del copy[place() :]
    elif kind == "insert":
        at = place()
        copy[at:at] = rng.randbytes(rng.choice((1, 2, 4, 8, 64)))
    elif kind == "remove":
        at = place()
        del copy[at : at + rng.choice((1, 2, 4, 8, 64, 1024))]
    elif kind == "offset":
        at = place(4)
        word(at, int.from_bytes(copy[at : at + 4], "little") + rng.choice((-64, -8, -4, -2, -1, 1, 2, 4, 8, 64)))
    else:
        for _ in range(1 if kind == "extreme" else rng.randint(2, 5)):
            word(place(4), rng.choice(EXTREME))
    return kind, bytes(copy)


def make_files(folder: Path) -> list[Path]:
    """Write five small files of one network: float, int8, int16x8, sparse float and dynamic range."""
    import numpy as np

    from optkit import Conversion
    from optkit.convert import convert
    from optkit.keras.tensorflow import load_keras

    layers = load_keras().layers
    model = load_keras().Sequential(
        [
            layers.InputLayer(input_shape=(8, 8, 1), name="image"),
            layers.Conv2D(8, 3, activation="relu", name="conv"),
            layers.DepthwiseConv2D(3, name="depthwise"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(name="flatten"),
            layers.Dense(64, activation="relu", name="hidden"),
            layers.Dense(5, activation="softmax", name="scores"),
        ]
    )
    rng = np.random.default_rng(3)
    weights = [rng.normal(0, 0.2, w.shape).astype(np.float32) for w in model.get_weights()]
    # three quarters zeros in the matrices, in blocks of 4: what the sparse form is for
    model.set_weights([w * np.repeat(rng.random((w.shape[0], -(-w.shape[1] // 4))) < 0.25, 4, 1)[:, : w.shape[1]]
                       if w.ndim == 2 and w.shape[1] > 5 else w for w in weights])  # fmt: skip
    x = rng.random((64, 8, 8, 1), np.float32)
    wanted = {
        "float": Conversion(),
        "int8": Conversion(mode="int8"),
        "int16x8": Conversion(mode="int16x8"),
        "sparse": Conversion(sparse=True),
        "dynamic": Conversion(mode="dynamic_range"),
    }
    paths = []
    for name, conversion in wanted.items():
        path = folder / f"{name}.tflite"
        path.write_bytes(convert(model, conversion, x))
        paths.append(path)
    return paths
