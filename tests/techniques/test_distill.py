from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optkit.errors import BuildError
from optkit.keras.layers import kernel_layers
from optkit.keras.tensorflow import load_keras, make_deterministic
from optkit.spec.keys import canonical
from optkit.techniques.distill import Distill
from optkit.training.context import TrainingContext
from optkit.training.teaching import Teaching, distillation_loss, targets
from tests.techniques.training_helpers import CLASSES, context, run, same, samples, sequential, weights

FAST: dict[str, Any] = {"epochs": 1, "batch_size": 64, "validation_split": 0.0}


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 1), st.floats(0.5, 20), st.integers(0, 1000))
def test_multiclass_loss_is_the_papers(alpha, temperature, seed):
    rng = np.random.default_rng(seed)
    teacher, student = rng.normal(0, 3, (2, 5, CLASSES)).astype(np.float32)
    y = rng.integers(0, CLASSES, 5)
    teaching = Teaching(teacher="t", alpha=alpha, temperature=temperature)
    found = distillation_loss(teaching, "multiclass")(targets(teaching, y, {"t": teacher}, CLASSES), student)
    p, q = softmax(teacher / temperature), softmax(student / temperature)
    soft = (p * np.log(p / q)).sum(axis=1)
    hard = -np.log(softmax(student)[np.arange(5), y])
    assert np.allclose(found, alpha * hard + (1 - alpha) * temperature**2 * soft, rtol=1e-3, atol=1e-3)


def test_without_a_scale_the_soft_loss_counts_as_it_is():
    rng = np.random.default_rng(1)
    teacher, student = rng.normal(0, 3, (2, 5, CLASSES)).astype(np.float32)
    y = rng.integers(0, CLASSES, 5)
    together = targets(Teaching(teacher="t"), y, {"t": teacher}, CLASSES)
    found = [
        np.asarray(
            distillation_loss(Teaching(teacher="t", alpha=0.0, soft_scale=scale), "multiclass")(together, student)
        )
        for scale in ("temperature_squared", "none")
    ]
    assert np.allclose(found[0], 100 * found[1], rtol=1e-4)  # temperature 10
    assert found[1].min() > 0


def test_the_scale_of_before_keeps_its_keys():
    assert "soft_scale" not in canonical(Distill(teacher="t"))
    assert canonical(Distill(teacher="t", soft_scale="none"))["soft_scale"] == "none"


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 1), st.floats(0.5, 20), st.integers(0, 1000))
def test_binary_loss_is_its_sigmoid_analogue(alpha, temperature, seed):
    rng = np.random.default_rng(seed)
    teacher, student = rng.normal(0, 3, (2, 5, 1))
    y = rng.integers(0, 2, 5)
    teaching = Teaching(teacher="t", alpha=alpha, temperature=temperature)
    together = targets(teaching, y, {"t": sigmoid(teacher).astype(np.float32)}, 1)
    found = distillation_loss(teaching, "binary")(together, sigmoid(student).astype(np.float32))
    p, q = sigmoid(teacher / temperature)[:, 0], sigmoid(student / temperature)[:, 0]
    soft = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    right = sigmoid(student)[:, 0]
    hard = -np.log(np.where(y == 1, right, 1 - right))
    assert np.allclose(found, alpha * hard + (1 - alpha) * temperature**2 * soft, rtol=5e-3, atol=2e-3)


def test_a_student_learns_from_the_teacher_alone():
    x, y = samples()
    teacher = np.full((len(x), CLASSES), -4, np.float32)
    teacher[np.arange(len(x)), (y + 1) % CLASSES] = 4  # a teacher that is wrong in a way only it can teach
    student = sequential()
    before = weights(student)
    step = Distill(teacher="t", alpha=0.0, temperature=2.0, learning_rate=0.01, epochs=6, batch_size=32)
    taught = run(student, step, context({"t": teacher}))
    assert same(before, weights(student))
    assert np.mean(taught.predict(x, verbose=0).argmax(axis=1) == (y + 1) % CLASSES) > 0.9
    assert step.needs() == ("t",)


def test_binary_task_trains():
    make_deterministic(1)
    layers = load_keras().layers
    student = load_keras().Sequential(
        [layers.Flatten(input_shape=(8, 8, 1), name="flatten"), layers.Dense(1, activation="sigmoid", name="out")]
    )
    x, y = samples()
    outputs = {"t": (y >= 2).astype(np.float32)[:, None]}
    binary = TrainingContext(x, (y >= 2).astype(np.int64), "binary", outputs=outputs)
    taught = run(student, Distill(teacher="t", learning_rate=0.05, epochs=8, batch_size=32), binary)
    assert np.mean((taught.predict(x, verbose=0)[:, 0] >= 0.5) == (y >= 2)) > 0.9


@pytest.mark.parametrize(
    ("preserve", "zeros", "groups"),
    [
        ("nothing", False, False),
        ("sparsity", True, False),
        ("clusters", False, True),
        ("clusters_and_sparsity", True, True),
    ],
)
def test_preserve(preserve, zeros, groups):
    model = sequential()
    for layer in kernel_layers(model):
        layer.kernel.assign(np.round(layer.kernel.numpy() * 10) / 10)
    outputs = {"t": sequential(3).predict(samples()[0], verbose=0)}
    step = Distill(teacher="t", preserve=preserve, learning_rate=0.01, **FAST)
    after = run(model, step, context(outputs))
    for old, new in zip(kernel_layers(model), kernel_layers(after), strict=True):
        was, now = old.kernel.numpy(), new.kernel.numpy()
        assert not np.array_equal(was, now)
        assert bool((now[was == 0] == 0).all()) == zeros
        assert (len(np.unique(now)) <= len(np.unique(was))) == groups


def test_a_teacher_that_does_not_fit_is_refused():
    with pytest.raises(BuildError, match="outputs of teacher 't' are not there"):
        run(sequential(), Distill(teacher="t"))
    with pytest.raises(BuildError, match=r"shape \(256, 7\); expected \(256, 4\)"):
        run(sequential(), Distill(teacher="t"), context({"t": np.zeros((256, 7), np.float32)}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alpha": 1.5}, "alpha is 1.5"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"teacher": ""}, "teacher is empty"),
    ],
)
def test_parameters_out_of_range(changes, message):
    with pytest.raises(ValueError, match=message):
        Distill(**{"teacher": "t", **changes})
