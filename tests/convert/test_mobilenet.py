"""A public file of an old converter (no signature, old operator codes, a fixed batch) on some real images."""

from pathlib import Path

import numpy as np
import pytest

from optkit.convert.from_tflite import convert_tflite
from optkit.data.image_folder import image_files, read_pixels
from optkit.data.preprocessing import Preprocessing
from optkit.runtime.samples import run_samples
from optkit.spec import Conversion
from optkit.tflite.interface import read_interface
from tests.isolation import USERS_DATA

MODEL = Path(USERS_DATA or "", "models", "mobilenet_v1_0.25_224.tflite")
IMAGES = Path(USERS_DATA or "", "imagenet")
pytestmark = pytest.mark.skipif(
    not (USERS_DATA and MODEL.is_file() and IMAGES.is_dir()),
    reason="OPTKIT_DATA has no models/mobilenet_v1_0.25_224.tflite or no imagenet/",
)


@pytest.fixture(scope="module")
def images():
    look = Preprocessing(shape=(224, 224, 3), mean=(0.5,), std=(0.5,))
    _, files, labels = image_files(IMAGES)
    chosen = slice(0, None, 10)
    return look.apply(read_pixels(files[chosen], look)), labels[chosen]


def test_it_is_mended_with_the_same_outputs_and_int8_is_near(images, tmp_path):
    x, y = images
    found = read_interface(MODEL)
    assert (found.signature, found.batch) == ("", 1)
    [expected] = run_samples(MODEL, x, threads=2).values()
    right = {}
    for mode in ("float32", "int8"):
        path = tmp_path / f"{mode}.tflite"
        path.write_bytes(convert_tflite(MODEL.read_bytes(), Conversion(mode=mode), x[:50], name=str(MODEL)))
        assert read_interface(path).signature == "serving_default"
        [right[mode]] = run_samples(path, x, threads=2).values()
    np.testing.assert_array_equal(right["float32"], expected)
    accuracy = {mode: np.mean(scores.argmax(axis=1) - 1 == y) for mode, scores in right.items()}
    assert accuracy["float32"] > 0.45
    assert accuracy["int8"] > accuracy["float32"] - 0.12
