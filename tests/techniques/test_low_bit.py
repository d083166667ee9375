import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from optkit import Store, build_variants, open_suite
from optkit.build.stages import stages
from optkit.convert import convert
from optkit.errors import BuildError
from optkit.keras.files import load_model, save_model
from optkit.keras.tensorflow import load_keras, make_deterministic, silenced
from optkit.spec import Conversion
from optkit.techniques.low_bit import LowBit, bits_of
from optkit.techniques.prune import Prune
from optkit.tflite.weights import weights_of
from optkit.training.teaching import Teaching
from tests.techniques.training_helpers import (
    CLASSES,
    context,
    conv_bn,
    functional,
    holds,
    kept,
    run,
    same,
    samples,
    sequential,
    weights,
)

FAST: dict[str, Any] = {"epochs": 1, "batch_size": 64, "validation_split": 0.0, "learning_rate": 0.01}


def file_of(model, step, folder, mode: Any = "int8", **fields: Any):
    """Save, load and convert as a build does; return the facts of the .tflite file."""
    save_model(model, folder / "model.h5")
    loaded = load_model(folder / "model.h5")
    with silenced():
        data = convert(loaded, Conversion(mode=mode, **fields), samples()[0], bits=bits_of(loaded, step))
    (folder / "model.tflite").write_bytes(data)
    return weights_of(folder / "model.tflite")


def test_it_learns_in_two_bits_and_the_input_is_left(tmp_path):
    model = sequential()
    before = weights(model)
    notes: list[str] = []
    step = LowBit(2, **{**FAST, "epochs": 5, "batch_size": 16})
    trained = run(model, step, context(note=notes.append))
    assert same(before, weights(model))
    x, y = samples()
    assert (trained.predict(x, verbose=0).argmax(1) == y).mean() > 0.9
    assert notes == ["bits: conv 2, hidden 2, logits 2"]
    assert [layer.name for layer in trained.layers] == [layer.name for layer in model.layers]
    assert holds(step, kept(trained, tmp_path))
    for mode in ("float32", "int8"):
        facts = file_of(trained, step, tmp_path, mode)
        assert holds(step, facts), mode
        assert facts.grid_bits == 2


def test_bits_by_layer_and_a_layer_left_out(tmp_path):
    step = LowBit(8, bits_by_layer={"hid*": 3}, exclude=("conv",), **FAST)
    model = sequential()
    assert bits_of(model, step) == {"hidden": 3, "logits": 8}
    trained = run(model, step)
    facts = file_of(trained, step, tmp_path, "dynamic_range")
    by_layer = {tensor.layers[-1]: tensor for tensor in facts.tensors}
    assert by_layer["hidden"].grid_bits <= 3
    assert by_layer["conv"].dtype == "float32", "as ever: small weights stay float in this mode"
    assert by_layer["logits"].dtype == "int8"
    assert holds(step, facts)


def test_the_promise_is_broken_by_a_conversion_that_knows_nothing_of_the_grid(tmp_path):
    """Plain int8 spreads 127 steps over the grid's seven: this is what the gate is for."""
    step = LowBit(3, **FAST)
    trained = run(sequential(), step)
    with silenced():
        data = convert(trained, Conversion(mode="int8"), samples()[0])
    (tmp_path / "model.tflite").write_bytes(data)
    assert not holds(step, weights_of(tmp_path / "model.tflite"))


def test_zeros_stay_zeros(tmp_path):
    pruning = Prune(0.7, initial_sparsity=0.0, schedule="constant", exclude=("conv",), **FAST)
    pruned = run(sequential(), pruning)
    step = LowBit(4, preserve="sparsity", include=("conv", "logits"), **FAST)
    facts = file_of(run(pruned, step), step, tmp_path)
    assert holds(pruning, facts)
    assert holds(step, facts)
    freed = run(pruned, LowBit(4, **{**FAST, "epochs": 3}))
    assert not holds(pruning, kept(freed, tmp_path)), "without preserve they move: else this test shows nothing"


def test_the_entropy_penalty_makes_the_file_zip_smaller(tmp_path):
    step = LowBit(4, entropy_penalty=1.0, **{**FAST, "epochs": 5, "batch_size": 16})
    x, y = samples()
    sizes = []
    for one in (step, dataclasses.replace(step, entropy_penalty=0.0)):
        trained = run(sequential(), one)
        facts = file_of(trained, one, tmp_path)
        assert holds(one, facts)
        assert (trained.predict(x, verbose=0).argmax(1) == y).mean() > 0.95
        sizes.append(facts.entropy_bytes)
    assert sizes[0] < sizes[1] / 2, sizes


def test_batch_normalization_and_shortcuts_keep_the_integers(tmp_path):
    for make in (functional, conv_bn):
        step = LowBit(4, **FAST)
        facts = file_of(run(make(), step), step, tmp_path)
        assert holds(step, facts)


def test_a_teacher_teaches():
    x, _ = samples()
    outputs = {"teacher": np.eye(CLASSES, dtype=np.float32)[np.zeros(len(x), int)] * 9}
    step = LowBit(8, teaching=Teaching(teacher="teacher", alpha=0.0, temperature=1.0), **{**FAST, "epochs": 4})
    assert step.needs() == ("teacher",)
    trained = run(sequential(), step, context(outputs))
    assert (trained.predict(x, verbose=0).argmax(1) == 0).mean() > 0.9


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"bits": 1}, "bits is 1; expected 2 to 8"),
        ({"bits_by_layer": {"a": 9}}, r"bits_by_layer\['a'\] is 9"),
        ({"entropy_penalty": -0.1}, "entropy_penalty is -0.1"),
        ({"entropy_penalty": float("nan")}, "entropy_penalty is nan"),
        ({"include": ()}, "include is empty"),
    ],
)
def test_parameters_that_mean_nothing_are_refused(fields, says):
    with pytest.raises(ValueError, match=says):
        LowBit(**fields)


def test_layers_that_cannot_are_named():
    make_deterministic(1)
    keras = load_keras()
    model = keras.Sequential(
        [
            keras.layers.Input((4, 3), name="x"),
            keras.layers.LSTM(3, name="recurrent"),
            keras.layers.Dense(2, name="logits"),
        ]
    )
    with pytest.raises(BuildError, match=r"low_bit cannot change layer 'recurrent' \(LSTM\).*SeparableConv2D.*exclude"):
        bits_of(model, LowBit())
    assert bits_of(model, LowBit(exclude=("rec*",))) == {"logits": 4}
    with pytest.raises(BuildError, match=r"bits_by_layer\['dense'\] fits none of the layers logits"):
        bits_of(model, LowBit(exclude=("rec*",), bits_by_layer={"dense": 2}))


def test_a_training_that_diverged_is_refused():
    with pytest.raises(
        BuildError, match="left their grid of 4 bits: they are no numbers any more; lower learning_rate"
    ):
        run(sequential(), LowBit(4, **{**FAST, "learning_rate": 1e30, "epochs": 2}))


def test_a_suite_builds_it_and_its_files_keep_the_promise(tmp_path, monkeypatch):
    """Catches a build that converts without the bits of its chain, or keys that do not say which quantizer did it."""
    monkeypatch.chdir(tmp_path)
    save_model(sequential(), tmp_path / "model.h5")
    x, y = samples()
    np.savez("data.npz", x_train=x, y_train=y, x_test=x[:64], y_test=y[:64])
    document = {"schema": 2, "name": "own", "model": "model.h5", "data": "data.npz", "task": "multiclass"}
    names = ("low_bit2", "low_bit2_float32")
    (tmp_path / "own.toml").write_text(
        "\n".join(f"{key} = {json.dumps(value)}" for key, value in document.items())
        + f"\nvariants = {json.dumps(names)}\ntraining = {{ epochs = 1, batch_size = 64 }}\n"
    )
    suite, data = open_suite("own.toml")
    built = build_variants(suite, suite.select(tuple(names)), data, Store(tmp_path / "store"))
    (step,) = suite.variant("low_bit2").steps
    for name in names:
        facts = weights_of(built[name].path, built[name].source)
        assert holds(step, facts), name
        converted = stages(suite, suite.variant(name), data.digest).spec["steps"][-1]
        assert ("libraries" in converted) == (name == "low_bit2")
