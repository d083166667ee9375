"""Techniques that train, conversions, `predict()` and pairs of files, with models that take several inputs by name."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optkit import ArtifactError, KerasWorkers
from optkit.build.preflight import preflight
from optkit.convert import convert
from optkit.errors import BuildError
from optkit.keras.files import load_model, save_model
from optkit.keras.layers import kernel_layers
from optkit.keras.tensorflow import load_keras, make_deterministic
from optkit.measure.paired import LOAD_ORDERS
from optkit.measure.paired_models import prepared_calls
from optkit.runtime.samples import run_samples
from optkit.spec import Conversion, Step
from optkit.techniques import TECHNIQUES
from optkit.techniques.distill import Distill
from optkit.techniques.finetune import Finetune
from optkit.techniques.fold import Fold
from optkit.techniques.prune import Prune
from optkit.techniques.quantize_aware import QuantizeAware
from optkit.training.context import TrainingContext

FAST: dict[str, Any] = {"epochs": 4, "batch_size": 16, "learning_rate": 0.01}


def samples(count: int = 192) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Images of 6 x 6 and two numbers, the second input first. A class: a bright half, and the first number's sign."""
    rng = np.random.default_rng(7)
    y = rng.integers(0, 4, count)
    image = rng.random((count, 6, 6, 1)).astype(np.float32) * 0.5
    image[y % 2 == 1, :3] += 0.5
    person = rng.normal(0, 0.2, (count, 2)).astype(np.float32)
    person[:, 0] += np.where(y >= 2, 1, -1)
    return {"person": person, "image": image}, y.astype(np.int64)


def network() -> Any:
    make_deterministic(1)
    keras = load_keras()
    layers = keras.layers
    image, person = keras.Input((6, 6, 1), name="image"), keras.Input((2,), name="person")
    seen = layers.Conv2D(4, 3, use_bias=False, name="conv")(image)
    seen = layers.ReLU(name="relu")(layers.BatchNormalization(name="bn")(seen))
    known = layers.Dense(8, activation="relu", name="known")(person)
    both = layers.Concatenate(name="both")([layers.Flatten(name="flat")(seen), known])
    return keras.Model([image, person], layers.Dense(4, name="logits")(both), name="two")


def context(**more: Any) -> TrainingContext:
    x, y = samples()
    return TrainingContext(x, y, "multiclass", **more)


def applied(model: Any, step: Step, given: TrainingContext) -> Any:
    make_deterministic(1)
    return TECHNIQUES[step.technique].apply(model, step, given)


def accuracy(scores: Any) -> float:
    return float((np.asarray(scores).argmax(axis=1) == samples()[1]).mean())


@pytest.fixture(scope="module")
def trained() -> Any:
    return applied(network(), Finetune(**{**FAST, "epochs": 12}), context())


STEPS: dict[str, Step] = {
    "prune": Prune(final_sparsity=0.6, **FAST),
    "quantize_aware": QuantizeAware(**FAST),
    "distill": Distill(teacher="teacher", temperature=2.0, **{**FAST, "learning_rate": 0.002}),
    "fold": Fold(),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_technique_takes_them_by_name_and_the_file_runs(name: str, trained: Any, tmp_path: Path) -> None:
    x, _ = samples()
    step = STEPS[name]
    assert not [one for one in preflight(trained, [step], Conversion(mode="int8")) if one.level == "error"]
    given = context(outputs={"teacher": trained.predict(x, verbose=0)})
    model = applied(trained, step, given)
    least = 0.6 if name == "slim" else 0.9  # channels are gone, and nothing was trained since
    assert accuracy(model.predict(x, verbose=0)) >= least
    if name == "prune":
        assert all((layer.kernel.numpy() == 0).mean() > 0.55 for layer in kernel_layers(model))
    save_model(model, tmp_path / "model.h5")
    path = tmp_path / "model.tflite"
    path.write_bytes(convert(load_model(tmp_path / "model.h5"), Conversion(mode="int8"), x))
    [scores] = run_samples(path, x).values()
    assert accuracy(scores) >= least - 0.05


def test_a_swapped_order_of_names_changes_nothing(trained: Any) -> None:
    x, y = samples()
    swapped = dict(reversed(x.items()))
    made = [applied(trained, Finetune(**FAST), TrainingContext(given, y, "multiclass")) for given in (x, swapped)]
    for one, other in zip(*(model.get_weights() for model in made), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "fields",
    [{"mode": "int8"}, {"mode": "int16x8"}, {"mode": "int8", "calibration": "l2"}, {"mode": "int4_weights"}],
    ids=str,
)
def test_calibration_gives_each_input_its_own_samples(fields: dict[str, Any], trained: Any, tmp_path: Path) -> None:
    """One input a thousand times the other: taken for each other, the ranges would destroy both."""
    x, _ = samples()
    path = tmp_path / "model.tflite"
    path.write_bytes(convert(trained, Conversion(**fields), x))
    [scores] = run_samples(path, x).values()
    assert accuracy(scores) >= 0.85
    with pytest.raises(BuildError, match=r"samples are for the inputs 'image', and the model takes 'image', 'person'"):
        convert(trained, Conversion(**fields), {"image": x["image"]})


def test_what_cannot_be_trained_is_said_before_anything_trains(trained: Any) -> None:
    keras = load_keras()
    two_ends = keras.Model(trained.inputs, [trained.output, trained.get_layer("known").output], name="ends")
    [found] = preflight(two_ends, [Prune(**FAST)], None)
    assert (found.level, found.subject) == ("error", "prune")
    assert "the model has the outputs logits, known, and there is one array of labels" in found.message
    [found] = preflight(trained, [Finetune(**FAST, augmentation=("flip",))], None)
    assert "augmentation is of images, and the model has several inputs" in found.message
    [found] = preflight(trained, [Finetune(**FAST)], None, reconstructs=True)
    assert "a reconstruction is of one" in found.message
    seen: list[int] = []
    told = context(on_epoch=lambda epoch, epochs, logs: seen.append(epoch))
    with pytest.raises(BuildError, match="there is one array of labels"):
        applied(two_ends, Finetune(**FAST), told)
    with pytest.raises(BuildError, match="a reconstruction is of one"):
        applied(trained, Finetune(**FAST), dataclasses.replace(told, task="reconstruction"))
    assert seen == []


def test_a_keras_file_is_predicted_and_named_outputs_come_back(trained: Any, tmp_path: Path) -> None:
    x, _ = samples(20)
    keras = load_keras()
    save_model(trained, tmp_path / "one.h5")
    ends = keras.Model(trained.inputs, [trained.output, trained.get_layer("known").output])
    save_model(ends, tmp_path / "two.h5")
    with KerasWorkers() as workers:
        job = workers.job(tmp_path / "one.h5", x, threads=1, batch=8)
        job.run()
        np.testing.assert_allclose(job.scores(), trained.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
        job = workers.job(tmp_path / "two.h5", x, threads=1, batch=8)
        job.run()
        assert {name: values.shape for name, values in job.outputs().items()} == {"logits": (20, 4), "known": (20, 8)}
        with pytest.raises(ArtifactError, match=r"two\.h5 has the outputs logits, known; expected one"):
            job.scores()


def test_two_files_are_timed_against_each_other(trained: Any, tmp_path: Path) -> None:
    x, _ = samples()
    for name, mode in (("base", "float32"), ("head", "int8")):
        (tmp_path / f"{name}.tflite").write_bytes(convert(trained, Conversion(mode=mode), x))  # type: ignore[arg-type]
    places = tmp_path / "base.tflite", tmp_path / "head.tflite"
    calls = prepared_calls(*places, threads=1, batch=1, load_order=LOAD_ORDERS[0])
    for call in calls.values():
        call()
    other = tmp_path / "other.tflite"
    keras = load_keras()
    a, b = keras.Input((3,), name="image"), keras.Input((2,), name="person")
    model = keras.Model([a, b], keras.layers.Dense(2, name="d")(keras.layers.Concatenate(name="c")([a, b])))
    other.write_bytes(convert(model, Conversion(), {"image": np.zeros((1, 3)), "person": np.zeros((1, 2))}))
    with pytest.raises(
        ArtifactError, match=r"samples of shape image \(6, 6, 1\), person \(2,\) and .* compare two forms"
    ):
        prepared_calls(places[0], other, threads=1, batch=1, load_order=LOAD_ORDERS[0])


SUITE = """
schema = 2
name = "two"
model = "two.h5"
data = "two.npz"
training = { epochs = 1 }

[variants.pruned]
steps = [{ technique = "prune", final_sparsity = 0.6, epochs = 2, batch_size = 16 }]

[variants.taught]
steps = [{ technique = "distill", teacher = "pruned", epochs = 1, batch_size = 16 }]
conversion = { mode = "int8" }
"""


@pytest.mark.slow
def test_a_suite_of_them_is_built_and_measured(trained: Any, tmp_path: Path) -> None:
    import optkit

    x, y = samples()
    save_model(trained, tmp_path / "two.h5")
    arrays: dict[str, Any] = {f"x_{split}_{name}": array for split in ("train", "test") for name, array in x.items()}
    np.savez(tmp_path / "two.npz", **arrays, y_train=y, y_test=y)
    (tmp_path / "two.toml").write_text(SUITE)
    suite, dataset = optkit.open_suite(str(tmp_path / "two.toml"))
    store = optkit.Store(tmp_path / "store")
    built = optkit.build_variants(suite, suite.variants, dataset, store)
    assert {name: artifact.kind for name, artifact in built.items()} == {
        "float32": "tflite", "pruned": "keras", "taught": "tflite"
    }  # fmt: skip
    with KerasWorkers() as workers:
        facts = optkit.gather(suite, built, dataset, store, workers)
    assert all(one.accuracy is not None and one.accuracy >= 0.85 for one in facts.values())
