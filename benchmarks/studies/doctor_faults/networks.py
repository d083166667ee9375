"""The networks that faults are put into: float .tflite files of suites, and one that is public, with their data."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from optkit import Store, build_variants, open_suite
from optkit.data import Dataset
from optkit.data.dataset import take
from optkit.data.image_folder import image_files, read_pixels
from optkit.data.preprocessing import Preprocessing
from optkit.data.sources import data_folder
from optkit.report.progress import shown_progress
from optkit.spec import Conversion
from optkit.tflite.mend import mend

HERE = Path(__file__).parent
NETWORKS = {
    "mnist": ("mnist", "float_tflite"),
    "quickdraw": ("quickdraw", "float_tflite"),
    "mnist_student": ("mnist_distillation:quick", "student_scratch"),
    "slimmed_resnet": (str(HERE / "slimmed_resnet.toml"), "slimmed_float"),
}
"""Networks of suites: the suite and the variant, whose float file is taken."""
MOBILENET = "mobilenet"
_TRAIN, _TEST = 100, 300
_MOST_TRAIN, _MOST_TEST = 2000, 1000


def load(name: str, store: Store) -> tuple[bytes, Dataset]:
    """Return the float .tflite file of a network, and its data."""
    if name == MOBILENET:
        return _mobilenet()
    place, variant = NETWORKS[name]
    suite, dataset = open_suite(place)
    found = dataclasses.replace(suite.variant(variant), name="plain", conversion=Conversion(strip="nothing"))
    with shown_progress() as progress:
        wider = dataclasses.replace(suite, variants=(*suite.variants, found))
        artifact = build_variants(wider, (found,), dataset, store, progress)["plain"]
    return mend(artifact.path.read_bytes()), dataclasses.replace(_part(dataset), task=suite.workload.known_task)


def _part(dataset: Dataset) -> Dataset:
    """Return a part of a data set, drawn by a seed: faults need no more."""
    rng = np.random.default_rng(7)
    train = np.sort(rng.permutation(len(dataset.x_train))[:_MOST_TRAIN])
    test = np.sort(rng.permutation(len(dataset.x_test))[:_MOST_TEST])
    return dataclasses.replace(
        dataset,
        x_train=take(dataset.x_train, train),
        y_train=dataset.y_train[train],
        x_test=take(dataset.x_test, test),
        y_test=dataset.y_test[test],
    )


def _mobilenet() -> tuple[bytes, Dataset]:
    folder = data_folder()
    if folder is None:
        raise SystemExit("OPTKIT_DATA is not set; it names the folder with models/ and imagenet/")
    content = mend((folder / "models" / "mobilenet_v1_0.25_224.tflite").read_bytes())
    _, files, labels = image_files(folder / "imagenet")
    order = np.random.default_rng(0).permutation(len(files))[: _TRAIN + _TEST]
    look = Preprocessing(shape=(224, 224, 3), mean=(0.5,), std=(0.5,))
    x = look.apply(read_pixels([files[i] for i in order], look))
    y = np.asarray(labels)[order] + 1  # output 0 is background
    return content, Dataset(
        name="imagenet",
        origin="imagenet",
        digest="",
        classes=1001,
        x_train=x[:_TRAIN],
        y_train=y[:_TRAIN],
        x_test=x[_TRAIN:],
        y_test=y[_TRAIN:],
        task="multiclass",
    )
