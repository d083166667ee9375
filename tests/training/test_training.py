"""The training loop: schedules, what a checkpoint carries over, augmented batches."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optkit.errors import BuildError
from optkit.keras.tensorflow import load_keras
from optkit.spec import Training, TrainingRecipe
from optkit.techniques import TECHNIQUES
from optkit.training.batches import augment
from optkit.training.context import TrainingContext
from optkit.training.fit import fit, learning_rate
from tests.builders import Killed, die_after
from tests.techniques.training_helpers import CLASSES, context, conv_bn, run, samples, sequential

RESUMED = {
    "plain": {},
    "augmented": {"augmentation": ("pad_crop", "flip"), "optimizer": "sgd", "momentum": 0.9, "weight_decay": 1e-3},
}


def recipe(**more: Any) -> Training:
    return Training(epochs=5, batch_size=64, checkpoint_epochs=2, learning_rate_schedule="cosine", **more)


@pytest.fixture(scope="module", params=RESUMED)
def never_interrupted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    """How a model was trained, and its weights."""
    whole = sequential()
    fit(whole, recipe(**RESUMED[request.param]), context(checkpoints=tmp_path_factory.mktemp("whole")))
    return request.param, whole.get_weights()


@pytest.mark.parametrize(
    ("never_interrupted", "epoch"), [("plain", 3), ("augmented", 1), ("augmented", 5)], indirect=["never_interrupted"]
)
def test_training_that_was_interrupted_ends_with_the_same_weights(
    never_interrupted: tuple[str, Any], epoch: int, tmp_path: Path
) -> None:
    how, whole = never_interrupted
    first, again = sequential(), sequential()
    with pytest.raises(Killed):
        fit(first, recipe(**RESUMED[how]), context(checkpoints=tmp_path / "cut", on_epoch=die_after(epoch)))
    seen: list[int] = []
    resumed = context(checkpoints=tmp_path / "cut", on_epoch=lambda done, *_: seen.append(done))
    fit(again, recipe(**RESUMED[how]), resumed)
    assert seen == list(range((epoch - 1) // 2 * 2 + 1, 6)), (
        "it must go on from the last checkpoint, not from the start"
    )
    for a, b in zip(whole, again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_checkpoint_carries_the_optimizers_state_over(tmp_path: Path) -> None:
    # one batch an epoch holds all samples, so that what is drawn anew after a checkpoint cannot matter
    more: dict[str, Any] = {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.05, "validation_split": 0.0}
    whole, parts = sequential(), sequential()
    fit(whole, Training(epochs=4, batch_size=256, **more), context())
    in_parts = Training(epochs=4, batch_size=256, checkpoint_epochs=1, **more)
    fit(parts, in_parts, context(checkpoints=tmp_path))
    for a, b in zip(whole.get_weights(), parts.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("technique", ["distill"])
def test_steps_resume_with_the_same_result(technique: str, tmp_path: Path) -> None:
    model = conv_bn()
    kind = TECHNIQUES[technique]
    more = {"teacher": "t"} if technique == "distill" else {}
    step = kind.step(epochs=3, checkpoint_epochs=1, **more)  # type: ignore[call-arg]
    outputs = {"t": np.random.default_rng(1).normal(size=(256, CLASSES)).astype(np.float32)}
    whole = run(model, step, context(outputs, checkpoints=tmp_path / "whole"))
    with pytest.raises(Killed):
        run(model, step, context(outputs, checkpoints=tmp_path / "cut", on_epoch=die_after(2)))
    again = run(model, step, context(outputs, checkpoints=tmp_path / "cut"))
    for a, b in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_many_steps_at_once_give_the_weights_of_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """So they need no key of their own. The last call of an epoch makes fewer steps than the others."""
    many = Training(epochs=2, batch_size=4, learning_rate_schedule="cosine", validation_split=0.0)
    found = []
    for at_once in (1, 24):
        monkeypatch.setattr("optkit.training.fit._steps_at_once", lambda *_, at_once=at_once: at_once)
        dropping = sequential()
        dropping.add(load_keras().layers.Dropout(0.3))
        fit(dropping, many, context())
        found.append(dropping.get_weights())
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_schedules() -> None:
    rates = {
        name: [
            learning_rate(TrainingRecipe(epochs=8, learning_rate=1.0, learning_rate_schedule=name), e) for e in range(8)
        ]  # type: ignore[arg-type]
        for name in ("constant", "cosine", "step")
    }
    assert rates["constant"] == [1.0] * 8
    assert rates["step"] == [1.0] * 4 + [0.1] * 2 + [0.01] * 2
    assert rates["cosine"][0] == 1.0
    assert rates["cosine"][4] == pytest.approx(0.5)
    assert rates["cosine"] == sorted(rates["cosine"], reverse=True)


def test_the_schedule_reaches_the_optimizer() -> None:
    model = sequential()
    rates: list[float] = []
    keras_callback = _rates(rates)
    fit(
        model,
        TrainingRecipe(epochs=4, learning_rate=0.5, learning_rate_schedule="step"),
        context(callbacks=[keras_callback]),
    )
    assert rates == pytest.approx([0.5, 0.5, 0.05, 0.005])


def _rates(rates: list[float]) -> Any:
    from optkit.keras.tensorflow import load_keras

    class Rates(load_keras().callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            rates.append(float(self.model.optimizer.learning_rate.numpy()))

    return Rates()


@given(st.integers(1, 4), st.sampled_from([8, 9, 16]), st.integers(0, 99))
def test_a_crop_is_a_shift_with_zeros_coming_in_and_a_flip_mirrors(count: int, size: int, seed: int) -> None:
    x = np.random.default_rng(seed).random((count, size, size, 2), np.float32) + 1
    rng = np.random.default_rng(seed)
    most = size // 8
    for before, after in zip(x, augment(x, ("pad_crop",), rng), strict=True):
        shifts = [(i, j) for i in range(-most, most + 1) for j in range(-most, most + 1)]
        assert any(np.array_equal(_shifted(before, *shift), after) for shift in shifts)
    for before, after in zip(x, augment(x, ("flip",), rng), strict=True):
        assert np.array_equal(before, after) or np.array_equal(before[:, ::-1], after)


def _shifted(image: Any, down: int, right: int) -> Any:
    height, width, _ = image.shape
    result = np.zeros_like(image)
    rows, columns = slice(max(0, down), height + min(0, down)), slice(max(0, right), width + min(0, right))
    result[rows, columns] = image[max(0, -down) : height + min(0, -down), max(0, -right) : width + min(0, -right)]
    return result


def test_augmentation_leaves_the_given_samples_alone_and_differs_by_epoch() -> None:
    x, _ = samples(64)
    kept = x.copy()
    fit(sequential(), TrainingRecipe(epochs=1, augmentation=("flip", "pad_crop")), context())
    one, two = (augment(x, ("flip",), np.random.default_rng(seed)) for seed in (1, 2))
    np.testing.assert_array_equal(x, kept)
    assert not np.array_equal(one, two)


def test_augmentation_of_what_is_no_image_is_refused() -> None:
    flat = TrainingContext(np.zeros((8, 64), np.float32), np.zeros(8, np.int64), "multiclass")
    with pytest.raises(BuildError, match="augmentation is of images"):
        fit(sequential(), TrainingRecipe(epochs=1, augmentation=("flip",)), flat)


def test_a_teacher_sees_the_augmented_samples(tmp_path: Path) -> None:
    from optkit.keras.files import save_model

    teacher = sequential(seed=5)
    save_model(teacher, tmp_path / "teacher.h5")
    step = TECHNIQUES["distill"].step(teacher="t", epochs=1, augmentation=("flip",), alpha=0.0)  # type: ignore[call-arg]
    student = TECHNIQUES["distill"].apply(teacher, step, context(models={"t": tmp_path / "teacher.h5"}))
    # a student equal to its teacher has nothing to learn where both see one image; from stale outputs it would
    for a, b in zip(teacher.get_weights(), student.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3)
    with pytest.raises(BuildError, match="teacher 't' are not there"):
        TECHNIQUES["distill"].apply(teacher, step, context())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"momentum": 0.9}, "momentum is of optimizer 'sgd'"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0"),
        ({"checkpoint_epochs": -1}, "checkpoint_epochs is -1"),
        ({"momentum": 1.0, "optimizer": "sgd"}, "momentum is 1.0"),
    ],
)
def test_a_recipe_out_of_range_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Training(epochs=1, **change)
