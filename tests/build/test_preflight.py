"""Preflight names what a recipe cannot handle, as tfmot and the converter decide it, before anything trains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from optkit.build.builder import build_variants
from optkit.build.preflight import check_chain, check_outputs, preflight
from optkit.build.stages import stages
from optkit.build.store import Store
from optkit.data import Dataset
from optkit.errors import BuildError
from optkit.keras.ending import read_ending
from optkit.keras.finding import Finding
from optkit.keras.tensorflow import load_keras, load_tfmot
from optkit.models import NETWORKS, NetworkEntry, mnist_bn, mnist_conv
from optkit.spec import Conversion, DataSource, Network, Step, Suite, Training, Variant, Workload
from optkit.suites import built_in, load_suite
from optkit.techniques import TECHNIQUES, Technique
from optkit.techniques.cluster import Cluster
from optkit.techniques.distill import Distill
from optkit.techniques.finetune import Finetune
from optkit.techniques.fold import Fold
from optkit.techniques.prune import Prune
from optkit.techniques.quantize_aware import QuantizeAware
from optkit.techniques.slim import Slim
from optkit.techniques.sparse_train import SparseTrain


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


@pytest.mark.slow
def test_a_layer_without_an_integer_kernel_is_named() -> None:
    model = network(lambda layers: layers.ELU(name="odd"))
    [finding] = preflight(model, [], Conversion(mode="int8"))
    assert (finding.level, finding.layer) == ("warning", "odd")
    assert "ELU has no int8 kernel" in finding.message

    [finding] = preflight(model, [], Conversion(mode="int16x8"))
    assert (finding.level, finding.layer) == ("error", "odd")
    assert preflight(model, [], Conversion(mode="float16")) == ()
    assert preflight(mnist_bn.build(width=0.25), [], Conversion(mode="int8", input_type="int8")) == ()


def ending(*ends: Any, activation: Any = None, outputs: int = 3) -> Any:
    """A dense layer with `activation`, and the layers that `ends` make after it."""
    layers = load_keras().layers
    stack = [layers.InputLayer((4,), name="x"), layers.Dense(outputs, activation=activation, name="last")]
    return load_keras().Sequential([*stack, *(make(layers) for make in ends)], name="ending")


def softmax(layers: Any) -> Any:
    return layers.Softmax(name="softmax")


TRAINING, FINETUNE = Training(epochs=1), Finetune()


@pytest.mark.parametrize(
    ("task", "model", "layer"),
    [
        ("multiclass", lambda: ending(activation="softmax"), "last"),
        ("multiclass", lambda: ending(activation="sigmoid"), "last"),
        ("multiclass", lambda: ending(softmax), "softmax"),
        ("multiclass", lambda: ending(softmax, lambda layers: layers.Reshape((3,), name="shape")), "softmax"),
        (
            "multiclass",
            lambda: ending(lambda layers: layers.Activation("linear", name="a"), activation="softmax"),
            "last",
        ),
        ("multiclass", ending, None),
        ("multiclass", lambda: ending(activation="log_softmax"), None),
        ("multiclass", lambda: ending(softmax, lambda layers: layers.Dense(3, name="logits")), None),
        ("binary", lambda: ending(outputs=1), "last"),
        ("binary", lambda: ending(outputs=1, activation="relu"), "last"),
        ("binary", lambda: ending(softmax, outputs=1), "softmax"),
        ("binary", lambda: ending(outputs=1, activation="sigmoid"), None),
        ("binary", lambda: ending(lambda layers: layers.BatchNormalization(name="odd"), outputs=1), None),
    ],
)
def test_the_last_layer_must_fit_the_loss(task: Any, model: Any, layer: str | None) -> None:
    for steps, training in (([], TRAINING), ([FINETUNE], None), ([FINETUNE], Training(epochs=0))):
        findings = preflight(model(), steps, None, task=task, training=training)
        assert [(found.level, found.layer) for found in findings] == ([("error", layer)] if layer else [])
    for found in findings:
        wanted = "no activation" if task == "multiclass" else "a sigmoid"
        assert str(found).startswith(f"training: layer {layer!r}: it ")
        assert f"give the last layer {wanted}" in str(found)


def test_without_training_a_softmax_is_welcome_and_a_binary_logit_is_not() -> None:
    nothing = Training(epochs=0)
    assert preflight(ending(softmax), [], Conversion(), task="multiclass", training=nothing) == ()
    [finding] = preflight(ending(outputs=1), [], Conversion(), task="binary", training=nothing)
    assert "it has no activation, and a binary task takes a probability" in finding.message
    assert preflight(ending(softmax), [FINETUNE], None) == (), "nobody said what the task is"


def test_every_network_fits_the_task_of_the_built_in_suites_that_use_it() -> None:
    checked = set()
    for name in built_in():
        suite = load_suite(name)
        for network in {variant.network.name: variant.network for variant in suite.variants}.values():
            small = {"size": 32} if name == "hosted" else {}
            model = NETWORKS[network.name].build(**network.params, **small)
            task: Any = suite.workload.task
            assert check_outputs(model, task) == (), (name, network.name)
            assert read_ending(model) is not None, (name, network.name)
            checked.add(network.name)
    assert {"quickdraw_conv", "mnist_conv", "mnist_bn", "resnet_preact", "vgg16_bn", "mobilenet_v1"} <= checked


def test_a_build_is_refused_when_the_network_or_its_teacher_does_not_fit_the_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS, "ends_in_softmax", NetworkEntry(lambda: ending(softmax, outputs=10)))
    monkeypatch.setitem(NETWORKS, "logits", NetworkEntry(lambda: ending(outputs=10)))
    wrong, right = Network(name="ends_in_softmax"), Network(name="logits")
    training, none = Training(epochs=1), Training(epochs=0)
    baseline = Variant(name="baseline", network=wrong, training=training)
    teacher = Variant(name="teacher", network=wrong, training=none)
    taught = Variant(name="taught", network=right, training=none, steps=(Distill(teacher="teacher"),))
    workload = Workload(dataset=DataSource(name="mnist"), network=right, training=training)
    suite = Suite(name="tiny", workload=workload, variants=(baseline, teacher, taught))
    x, y = np.zeros((20, 4), np.float32), np.zeros(20, np.int64)
    arrays: dict[str, Any] = {"x_train": x, "y_train": y, "x_test": x, "y_test": y}
    dataset = Dataset(name="mnist-embedded", origin="test", digest="0" * 64, classes=10, **arrays)

    for variant, said in ((baseline, "training: layer 'softmax'"), (taught, "teacher 'teacher': layer 'softmax'")):
        with pytest.raises(BuildError, match=f"variant {variant.name!r} cannot be built: {said}: it ends in softmax"):
            build_variants(suite, [variant], dataset, Store(tmp_path))
    assert not list(tmp_path.rglob("*.h5"))
    assert build_variants(suite, [teacher], dataset, Store(tmp_path)), "0 epochs train nothing"


def test_a_build_is_refused_before_anything_trains(tmp_path: Path) -> None:
    training = Training(epochs=1)
    small = Network(name="mnist_conv", params={"filters": 1})
    variant = Variant(name="slimmed", network=small, training=training, steps=(Slim(),))
    workload = Workload(dataset=DataSource(name="mnist"), network=small, training=training)
    suite = Suite(name="tiny", workload=workload, variants=(variant,))
    x, y = np.zeros((20, 28, 28), np.float32), np.zeros(20, np.int64)
    arrays: dict[str, Any] = {"x_train": x, "y_train": y, "x_test": x, "y_test": y}
    dataset = Dataset(name="mnist-embedded", origin="test", digest="0" * 64, classes=10, **arrays)
    store = Store(tmp_path)

    with pytest.raises(BuildError, match="variant 'slimmed' cannot be built: slim: no channel"):
        build_variants(suite, suite.variants, dataset, store)
    assert not list(tmp_path.rglob("*.h5"))


@dataclass(frozen=True, kw_only=True)
class Toy(Step):
    technique: ClassVar[str] = "toy"


def test_a_technique_says_itself_what_it_meets_and_what_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a preflight that knows techniques by their names or types."""
    seen: list[str] = []

    def check(model: Any, step: Toy) -> list[Finding]:
        seen.append(model.name)
        if model.name == "left":
            raise BuildError("toy: it was here before")
        return [Finding(level="warning", subject="toy", layer="conv", message="it is looked at")]

    leaves = lambda model, step: network(name="left")  # noqa: E731
    monkeypatch.setitem(TECHNIQUES, "toy", Technique(Toy, lambda m, s, c: m, check=check, leaves=leaves))
    findings = preflight(network(), [Toy(), Toy()], None)
    assert seen == ["net", "left"]
    assert [str(finding) for finding in findings] == ["toy: layer 'conv': it is looked at", "toy: it was here before"]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Prune(include=("nope",)), "prune: no layer's name fits 'nope'; layers it can change: conv, logits"),
        (Prune(sparsity_by_layer={"*": 0.8, "conv": 0.5}), "prune: sparsity_by_layer['conv'] fits no layer"),
        (Cluster(exclude=("*",)), "cluster: include and exclude leave no layer"),
    ],
)
def test_layers_that_a_step_names_are_looked_for_before_anything_trains(step: Step, said: str) -> None:
    [finding] = preflight(network(), [step], None)
    assert str(finding).startswith(said)


def test_a_layer_that_cannot_be_pruned_is_named_once() -> None:
    model = network(lambda layers: layers.SeparableConv2D(2, 2, name="apart"))
    [finding] = preflight(model, [Prune()], None)
    assert str(finding).startswith("prune: cannot change layer 'apart' (SeparableConv2D)")


def chain(variant: Variant, task: Any, y: Any) -> tuple[Finding, ...]:
    """What is found in the chain of `variant` on data with the labels `y`."""
    teacher = Variant(name="teacher", network=variant.network, training=Training(epochs=0))
    workload = Workload(dataset=DataSource(name="mnist"), network=variant.network, training=variant.training, task=task)
    suite = Suite(name="tiny", workload=workload, variants=(teacher, variant), baseline="teacher")
    x = np.zeros((20, 4), np.float32)
    data = Dataset(name="mnist", origin="test", digest="0" * 64, classes=3, x_train=x, y_train=y, x_test=x, y_test=y)
    return check_chain(stages(suite, variant, data.digest), variant, task, data)


def test_what_training_needs_of_the_data_and_a_teacher_of_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a chain that trains for hours before a later step finds that it has no labels, or no such teacher."""
    monkeypatch.setitem(NETWORKS, "ends_plainly", NetworkEntry(ending))
    made: dict[str, Any] = {"name": "taught", "network": Network(name="ends_plainly")}
    labels, none = np.zeros(20, np.int64), np.zeros(0, np.int64)
    still, trained = Training(epochs=0), Training(epochs=1)

    assert chain(Variant(**made, training=trained), "multiclass", labels) == ()
    [finding] = chain(Variant(**made, training=trained, steps=(Finetune(),)), "multiclass", none)
    assert str(finding).startswith("train ends_plainly: the data have no labels")
    [finding] = chain(Variant(**made, training=still, steps=(Finetune(),)), "multiclass", none)
    assert str(finding).startswith("finetune: the data have no labels")
    assert chain(Variant(**made, training=trained), "reconstruction", none) == ()
    assert chain(Variant(**made, training=still, conversion=Conversion()), "multiclass", none) == ()

    taught = Variant(**made, training=still, steps=(Finetune(), Distill(teacher="teacher")))
    assert chain(taught, "multiclass", labels) == ()
    [finding] = chain(taught, "regression", labels)
    assert str(finding) == "distill: a teacher is for multiclass and binary tasks, not regression; drop it"
