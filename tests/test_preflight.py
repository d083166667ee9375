"""Preflight names what a recipe cannot handle, as tfmot and the converter decide it, before anything trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optkit.build import build_variants
from optkit.data import Dataset
from optkit.errors import BuildError
from optkit.models import mnist_bn, mnist_conv
from optkit.preflight import preflight
from optkit.spec import Conversion, Network, Suite, Training, Variant, Workload
from optkit.store import Store
from optkit.techniques.fold import Fold
from optkit.techniques.quantize_aware import QuantizeAware
from optkit.techniques.slim import Slim
from optkit.techniques.sparse_train import SparseTrain
from optkit.tensorflow import load_keras, load_tfmot


def network(*extra: Any, name: str = "net") -> Any:
    """A convolution, the layers that `extra` make, and a dense layer."""
    layers = load_keras().layers
    image = layers.Input((6, 6, 2), name="image")
    x = layers.Conv2D(4, 3, name="conv")(image)
    for make in extra:
        x = make(layers)(x)
    x = layers.Flatten(name="flatten")(x)
    return load_keras().Model(image, layers.Dense(3, name="logits")(x), name=name)


def bn(layers: Any) -> Any:
    return layers.BatchNormalization(name="bn")


def preactivation() -> Any:
    layers = load_keras().layers
    image = layers.Input((6, 6, 2), name="image")
    x = layers.Conv2D(4, 3, name="conv")(image)
    y = layers.ReLU(name="relu")(layers.BatchNormalization(name="bn")(x))
    x = layers.Add(name="add")([layers.Conv2D(4, 3, padding="same", name="conv2")(y), x])
    x = layers.BatchNormalization(name="bn2")(x)
    return load_keras().Model(image, layers.Flatten(name="flatten")(x), name="preactivation")


def nested() -> Any:
    keras = load_keras()
    inner = keras.Sequential([keras.layers.InputLayer((4, 4, 4), name="i"), keras.layers.ReLU(name="r")], name="inner")
    return network(lambda layers: inner)


CASES: dict[str, tuple[Any, list[str]]] = {
    "plain": (mnist_conv.build, []),
    "bn": (lambda: mnist_bn.build(width=0.25), []),
    "bn after relu": (lambda: network(lambda layers: layers.ReLU(name="relu"), bn), ["bn"]),
    "preactivation": (preactivation, ["bn", "bn2"]),
    "layer norm": (lambda: network(lambda layers: layers.LayerNormalization(name="odd")), ["odd"]),
    "prelu": (lambda: network(lambda layers: layers.PReLU(name="odd")), ["odd"]),
    "nested": (nested, ["inner"]),
}


@pytest.mark.parametrize("case", CASES)
def test_quantization_aware_training_is_judged_as_tfmot_judges(case: str) -> None:
    make, layers = CASES[case]
    findings = preflight(make(), [QuantizeAware()], None)
    quantization = load_tfmot().quantization.keras
    try:
        quantization.quantize_apply(quantization.quantize_annotate_model(make()))
        accepted = True
    except (RuntimeError, ValueError):
        accepted = False

    assert [finding.layer for finding in findings if finding.level == "error"] == layers
    assert accepted == (not layers)


def test_folding_first_takes_the_normalization_out_of_the_way() -> None:
    make = lambda: network(bn, lambda layers: layers.ReLU(name="relu"))  # noqa: E731
    assert preflight(make(), [Fold(), QuantizeAware()], None) == ()
    [finding] = preflight(network(), [Fold()], None)
    assert (finding.level, finding.subject) == ("error", "fold")


def test_slim_findings() -> None:
    assert preflight(mnist_bn.build(width=0.25), [Slim()], None) == ()
    [finding] = preflight(network(bn, lambda layers: layers.Permute((2, 1, 3), name="odd")), [Slim()], None)
    assert "'odd' (Permute)" in finding.message
    findings = preflight(preactivation(), [Slim()], None)
    assert [(finding.level, finding.layer) for finding in findings] == [("warning", "bn2")]
    findings = preflight(mnist_conv.build(), [SparseTrain(), Slim()], None)
    assert [(finding.level, finding.subject) for finding in findings] == [("error", "sparse_train"), ("error", "slim")]


def test_a_layer_without_an_integer_kernel_is_named() -> None:
    model = network(lambda layers: layers.ELU(name="odd"))
    [finding] = preflight(model, [], Conversion(mode="int8"))
    assert (finding.level, finding.layer) == ("warning", "odd")
    assert "ELU has no int8 kernel" in finding.message

    [finding] = preflight(model, [], Conversion(mode="int16x8"))
    assert (finding.level, finding.layer) == ("error", "odd")
    assert preflight(model, [], Conversion(mode="float16")) == ()
    assert preflight(mnist_bn.build(width=0.25), [], Conversion(mode="int8", input_type="int8")) == ()


def test_a_build_is_refused_before_anything_trains(tmp_path: Path) -> None:
    training = Training(epochs=1)
    small = Network(name="mnist_conv", params={"filters": 1})
    variant = Variant(name="slimmed", network=small, training=training, steps=(Slim(),))
    suite = Suite(
        name="tiny", workload=Workload(dataset="mnist", network=small, training=training), variants=(variant,)
    )
    x, y = np.zeros((20, 28, 28), np.float32), np.zeros(20, np.int64)
    arrays = {"x_train": x, "y_train": y, "x_test": x, "y_test": y}
    dataset = Dataset(name="mnist-embedded", origin="test", digest="0" * 64, classes=10, **arrays)
    store = Store(tmp_path)

    with pytest.raises(BuildError, match="variant 'slimmed' cannot be built: slim: no channel"):
        build_variants(suite, suite.variants, dataset, store)
    assert not list(tmp_path.rglob("*.h5"))
