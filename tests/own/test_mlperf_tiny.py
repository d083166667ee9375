"""The kinds of network of MLPerf Tiny, made small: what `optkit init` begins with is built and judged as it stands."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import optkit
from optkit.cli import main
from optkit.judge.gates import check_run
from optkit.keras.files import save_model
from optkit.keras.tensorflow import load_keras, make_deterministic
from optkit.record.run import Run

SAMPLES = 160
METRIC = """
def anomaly_auc(labels, outputs, inputs):
    errors = ((outputs - inputs) ** 2).mean(axis=1)
    return float((errors[labels == 1][:, None] > errors[labels == 0]).mean())
"""


def ds_cnn() -> Any:
    """Keyword spotting: depthwise and 1x1 convolutions by turns, on spectrograms."""
    keras = load_keras()
    layers = keras.layers
    h = given = keras.Input((12, 10, 1))

    def normalized(h: Any) -> Any:
        return layers.ReLU()(layers.BatchNormalization(momentum=0.8)(h))

    h = normalized(layers.Conv2D(8, (5, 4), strides=2, padding="same")(h))
    h = normalized(layers.DepthwiseConv2D(3, padding="same")(h))
    h = normalized(layers.Conv2D(8, 1)(h))
    h = layers.Flatten()(layers.AveragePooling2D((6, 5))(layers.Dropout(0.2)(h)))
    return keras.Model(given, layers.Dense(4, activation="softmax")(h))


def autoencoder() -> Any:
    """Anomaly detection: dense layers with batch normalization through a narrow middle."""
    keras = load_keras()
    layers = keras.layers
    h = given = keras.Input((24,))
    for width in (16, 4, 16):
        h = layers.Activation("relu")(layers.BatchNormalization(momentum=0.8)(layers.Dense(width)(h)))
    return keras.Model(given, layers.Dense(24)(h))


def spectrograms(rng: np.random.Generator) -> dict[str, Any]:
    y = rng.integers(0, 4, 2 * SAMPLES)
    x = rng.normal(0, 0.3, (2 * SAMPLES, 12, 10, 1)) + rng.normal(size=(4, 12, 1, 1))[y]
    x = x.astype(np.float32)
    return {"x_train": x[:SAMPLES], "y_train": y[:SAMPLES], "x_test": x[SAMPLES:], "y_test": y[SAMPLES:]}


def sounds(rng: np.random.Generator) -> dict[str, Any]:
    """Normal ones are sums of three patterns. To train there are only such, without labels."""
    patterns = rng.normal(size=(3, 24))
    x = rng.normal(size=(2 * SAMPLES, 3)) @ patterns + rng.normal(0, 0.1, (2 * SAMPLES, 24))
    y = np.arange(SAMPLES) % 2
    x[SAMPLES:][y == 1] += rng.normal(0, 1, (SAMPLES // 2, 24))
    x = x.astype(np.float32)
    return {"x_train": x[:SAMPLES], "x_test": x[SAMPLES:], "y_test": y}


def begun(name: str, make: Any, data: dict[str, Any], loss: str, target: str) -> None:
    """Train a network, and write its file, its data and the suite file that `optkit init` writes."""
    make_deterministic(1)
    model = make()
    model.compile(load_keras().optimizers.Adam(0.01), loss)
    model.fit(data["x_train"], data[target], epochs=20, batch_size=16, verbose=0)
    save_model(model, Path(f"{name}.h5"))
    np.savez(f"{name}.npz", **data)
    assert main(["init", f"{name}.h5", f"{name}.npz"]) == 0


def built(suite_file: str, variants: tuple[str, ...] = (), allowed: tuple[str, ...] = ()) -> Any:
    """Build and measure the variants of a suite file. What their techniques promise must hold."""
    suite, dataset = optkit.open_suite(suite_file, allowed=allowed)
    store = optkit.Store(Path("store"))
    artifacts = optkit.build_variants(suite, suite.select(variants), dataset, store)
    with optkit.KerasWorkers() as workers:
        facts = optkit.gather(suite, artifacts, dataset, store, workers)
    run = Run(
        suite=suite.title, baseline=suite.baseline, dataset=facts[suite.baseline].dataset, variants=facts, timings=()
    )
    promises = [verdict for verdict in check_run(suite, run) if verdict.gate.origin != "suite"]
    assert all(verdict.status == "pass" for verdict in promises), [str(verdict) for verdict in promises]
    assert promises or variants
    return facts


@pytest.mark.slow
def test_a_network_with_depthwise_convolutions_takes_the_recipes_that_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to name its depthwise layers, and what pruning and clustering promise holds for the others."""
    monkeypatch.chdir(tmp_path)
    begun("words", ds_cnn, spectrograms(np.random.default_rng(3)), "sparse_categorical_crossentropy", "y_train")
    text = Path("words.toml").read_text()
    assert 'variants = ["dynamic_range", "int8", "float16", "pruned_int8"]' in text
    text = text.replace('"dynamic_range", "int8", "float16", ', "")
    Path("words.toml").write_text(f"{text}training = {{ epochs = 1 }}\n")
    facts = built("words.toml")
    assert facts["float32"].accuracy > 0.8
    pruned = facts["pruned_int8"].weights
    assert pruned.of_layers((), depthwise=False).sparsity > 0.75
    assert pruned.sparsity < pruned.of_layers((), depthwise=False).sparsity


def test_an_autoencoder_is_judged_by_a_function_of_the_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    begun("sounds", autoencoder, sounds(np.random.default_rng(4)), "mse", "x_train")
    text = Path("sounds.toml").read_text()
    assert 'metric = "auc"' in text
    Path("anomaly_metric.py").write_text(METRIC)
    own = 'metric = "anomaly_metric:anomaly_auc"\nbetter = "higher"'
    Path("own.toml").write_text(text.replace('metric = "auc"', own))
    facts = built("own.toml", ("float32", "int8"), allowed=("anomaly_metric",))
    plain = built("sounds.toml", variants=("float32",))
    assert facts["float32"].score > 0.8
    assert facts["int8"].score > facts["float32"].score - 0.1
    assert facts["float32"].score == pytest.approx(plain["float32"].score, abs=1e-4)
