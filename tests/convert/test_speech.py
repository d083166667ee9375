"""Where 8-bit activations are too coarse and 16-bit ones are not: a small speech-like network on loud and quiet sounds.

The network is of Wav2letter's kind (Collobert, Puhrsch and Synnaeve 2016, arXiv:1609.03193): 1-D convolutions with ReLU
over the raw signal and scores for each frame, here averaged over the frames of a word's ending. Without biases its
decision does not depend on the level of what it hears (Mohan et al. 2020, arXiv:1906.05478).

A word is a loud vowel, then an ending 0 to 60 dB below it. Both are noisy tones; the class is the ending's. In float a
quiet ending is as easy as a loud one. But a tensor of activations has one scale, and calibration must let it reach to
the vowel: an 8-bit step is then 1/127 of the largest value, 42 dB below it, and quiet endings round to nothing, already
at the input. No gain before the network helps, for vowel and ending are in one signal. A 16-bit step is 90 dB below.
The weights are 8-bit integers in both files.
"""

import numpy as np
import pytest

from optkit.convert import convert
from optkit.keras.tensorflow import load_keras, make_deterministic, silenced
from optkit.measure.accuracy import classify
from optkit.runtime import TFLiteRunner
from optkit.spec import Conversion

VOWEL, ENDING = 128, 256  # samples
TONES = np.array([0.03, 0.05, 0.08, 0.12, 0.17, 0.23])  # cycles a sample
DECIBELS = 60


def sounds(rng, which, length):
    """Return noisy tones, shape (words, length): the signal-to-noise ratio of each is -9 dB."""
    time = np.arange(length) + rng.uniform(0, 1000, (len(which), 1))
    return np.sin(2 * np.pi * TONES[which][:, None] * time) + rng.normal(0, 2, (len(which), length))


def words(count, seed, decibels=DECIBELS):
    """Return signals, float32 (count, VOWEL + ENDING, 1), the tone of each ending, and its decibels below the vowel."""
    rng = np.random.default_rng(seed)
    y, below = rng.integers(0, len(TONES), count), rng.uniform(0, decibels, count)
    vowel = sounds(rng, rng.integers(0, len(TONES), count), VOWEL)
    ending = sounds(rng, y, ENDING) * 10 ** (-below[:, None] / 20)
    return np.concatenate([vowel, ending], axis=1)[..., None].astype(np.float32), y, below


def network():
    keras = load_keras()
    layers = keras.layers

    def conv(filters, width, strides, name, activation="relu"):
        options = {"strides": strides, "padding": "same", "use_bias": False, "activation": activation, "name": name}
        return layers.Conv1D(filters, width, **options)

    return keras.Sequential(
        [
            layers.InputLayer(input_shape=(VOWEL + ENDING, 1), name="signal"),
            conv(16, 32, 4, "conv1"),
            conv(24, 8, 2, "conv2"),
            conv(24, 4, 1, "conv3"),
            conv(len(TONES), 1, 1, "frames", None),
            layers.Cropping1D((VOWEL // 8 + 8, 0), name="ending"),  # 8 frames on: no filter reaches back to the vowel
            layers.GlobalAveragePooling1D(name="scores"),
        ],
        name="words",
    )


@pytest.fixture(scope="module")
def correct(tmp_path_factory):
    """Which test words each file classifies correctly; and the decibels of their endings below the vowels."""
    make_deterministic(1)
    keras = load_keras()
    model = network()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss=loss)
    x, y, _ = words(3000, seed=1, decibels=0)
    model.fit(x, y, batch_size=64, epochs=3, verbose=0)
    heard, _, _ = words(300, seed=2)
    x_test, y_test, below = words(2000, seed=3)
    found = {}
    for mode in ("float32", "int8", "int16x8"):
        path = tmp_path_factory.mktemp("speech") / f"{mode}.tflite"
        with silenced():
            path.write_bytes(convert(model, Conversion(mode=mode), heard))
        runner = TFLiteRunner(path, batch=len(x_test))
        scores = runner.scores(runner.invoke(runner.prepare(x_test)))
        found[mode] = classify(scores, "multiclass") == y_test
    return found, below


def test_quiet_endings_are_lost_in_int8_and_kept_in_int16(correct):
    found, below = correct
    accuracy = {mode: right.mean() for mode, right in found.items()}
    assert accuracy["float32"] > 0.85
    assert accuracy["int8"] < accuracy["float32"] - 0.15
    assert abs(accuracy["int16x8"] - accuracy["float32"]) < 0.01
    quiet = below > 48  # within the first 8-bit step
    assert found["int8"][quiet].mean() < 2 / len(TONES), "little better than a guess"
    assert abs(found["int16x8"][quiet].mean() - found["float32"][quiet].mean()) < 0.02


def test_int8_is_as_good_as_float_where_its_steps_are_fine_enough(correct):
    """The loss is not of a broken conversion or of 8-bit weights: endings near the vowel's level lose nothing."""
    found, below = correct
    assert abs(found["int8"][below < 20].mean() - found["float32"][below < 20].mean()) < 0.02
