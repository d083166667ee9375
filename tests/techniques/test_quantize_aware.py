from typing import Any

import numpy as np
import pytest

from optkit.build.preflight import preflight
from optkit.keras.layers import kernel_layers
from optkit.keras.tensorflow import load_keras, make_deterministic
from optkit.techniques.cluster import Cluster
from optkit.techniques.fold import Fold
from optkit.techniques.fold import apply as fold
from optkit.techniques.prune import Prune
from optkit.techniques.quantize_aware import QuantizeAware
from optkit.tflite.weights import weights_of
from tests.techniques.training_helpers import CLASSES, converted, holds, run, same, weights

FAST: dict[str, Any] = {"epochs": 1, "batch_size": 64, "validation_split": 0.0}
PRUNED = Prune(final_sparsity=0.8, exclude=("plain",), **FAST)
CLUSTERED = Cluster(clusters=6, preserve_sparsity=True, exclude=("plain",), **FAST)


@pytest.fixture(scope="module")
def optimized():
    """Pruned, then clustered, but for one dense layer that comes before the others and has no zero."""
    make_deterministic(1)
    layers = load_keras().layers
    model = load_keras().Sequential(
        [
            layers.InputLayer(input_shape=(8, 8, 1), name="image"),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.Flatten(name="flatten"),
            layers.Dense(12, activation="relu", name="plain"),
            layers.Dense(12, activation="relu", name="hidden"),
            layers.Dense(CLASSES, name="logits"),
        ],
        name="small_conv",
    )
    return run(run(model, PRUNED), CLUSTERED)


@pytest.mark.parametrize(
    ("preserve", "zeros_kept", "clusters_kept"),
    [
        ("nothing", False, False),
        ("sparsity", True, False),
        ("clusters", None, True),
        ("clusters_and_sparsity", True, True),
    ],
)
def test_what_is_preserved_is_in_the_int8_file(optimized, preserve, zeros_kept, clusters_kept, tmp_path):
    before = weights(optimized)
    step = QuantizeAware(preserve=preserve, learning_rate=0.01, **FAST)
    # converted() saves, loads again and converts what was loaded, as a build does
    facts = converted(run(optimized, step), tmp_path)
    assert same(before, weights(optimized))
    assert facts.integer_weights == 1.0
    assert facts.leftovers == ()
    if zeros_kept is not None:
        assert holds(PRUNED, facts) == zeros_kept
    assert holds(CLUSTERED, facts) == clusters_kept
    assert weights_of(tmp_path / "model.h5").leftovers == ()


def test_saved_and_loaded_it_gives_the_same_outputs(optimized, tmp_path):
    from optkit.keras.files import load_model, save_model

    trained = run(optimized, QuantizeAware(preserve="clusters_and_sparsity", **FAST))
    save_model(trained, tmp_path / "model.h5")
    x = np.random.default_rng(1).random((5, 8, 8, 1)).astype(np.float32)
    assert np.array_equal(trained(x).numpy(), load_model(tmp_path / "model.h5")(x).numpy())
    assert kernel_layers(trained) == []  # each is inside its quantize wrapper


@pytest.mark.parametrize("preserve", ["sparsity", "clusters_and_sparsity"])
def test_convolutions_with_batch_normalization_keep_their_zeros(preserve, tmp_path):
    make_deterministic(1)
    layers = load_keras().layers
    model = load_keras().Sequential(
        [
            layers.InputLayer(input_shape=(8, 8, 1), name="image"),
            layers.Conv2D(4, 3, use_bias=False, name="conv"),
            layers.BatchNormalization(name="bn"),
            layers.ReLU(name="relu"),
            layers.Flatten(name="flatten"),
            layers.Dense(CLASSES, name="logits"),
        ],
        name="small_bn",
    )
    for layer in kernel_layers(model):
        kernel = layer.kernel.numpy()
        layer.kernel.assign(np.where(np.abs(kernel) < np.quantile(np.abs(kernel), 0.7), 0, kernel))
    facts = converted(run(model, QuantizeAware(preserve=preserve, learning_rate=0.01, **FAST)), tmp_path)
    assert facts.sparsity >= 0.65


def test_a_dense_layer_with_batch_normalization_is_folded_first_or_refused(tmp_path):
    """tfmot takes it, and the converter then leaves the layer in float: an int8 file that is slower than float."""
    make_deterministic(1)
    layers = load_keras().layers
    model = load_keras().Sequential(
        [
            layers.InputLayer(input_shape=(8, 8, 1), name="image"),
            layers.Flatten(name="flatten"),
            layers.Dense(12, name="hidden"),
            layers.BatchNormalization(name="bn"),
            layers.Activation("relu", name="relu"),
            layers.Dense(CLASSES, name="logits"),
        ],
        name="small_dense",
    )
    step = QuantizeAware(**FAST)
    [finding] = preflight(model, [step], None)
    assert str(finding) == (
        "quantize_aware: layer 'bn': after it 'hidden' (Dense) would stay in float; put fold before quantize_aware, as "
        "in the recipe folded_qat"
    )
    assert converted(run(model, step), tmp_path).integer_weights < 1, "else it need not be refused"
    assert preflight(model, [Fold(), step], None) == ()
    assert converted(run(fold(model, Fold()), step), tmp_path).integer_weights == 1
