"""A toy data set: random samples of three classes."""

import numpy as np

from optkit.data.dataset import DataEntry, DataMode, Dataset, make_dataset


def load(mode: DataMode, samples: int = 30) -> Dataset:
    rng = np.random.default_rng(1)
    arrays: dict[str, np.ndarray] = {}
    for split in ("train", "test"):
        arrays[f"x_{split}"] = rng.random((samples, 6), np.float32)
        arrays[f"y_{split}"] = rng.integers(0, 3, samples)
    return make_dataset("toy", "nowhere", arrays, classes=3, sample_shape=(6,))


ENTRY = DataEntry(names=("toy",), load=load)
