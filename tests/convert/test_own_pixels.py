"""Pixels as whole numbers calibrate as the same numbers in float32 do."""

import numpy as np

from optkit.convert import convert
from optkit.keras.tensorflow import load_keras
from optkit.spec import Conversion


def test_whole_numbers_calibrate_a_float_input() -> None:
    keras = load_keras()
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
    x = np.random.default_rng(1).integers(0, 255, (20, 6)).astype(np.uint8)
    conversion = Conversion(mode="int8", calibration_samples=20)
    assert convert(model, conversion, x) == convert(model, conversion, x.astype(np.float32))
