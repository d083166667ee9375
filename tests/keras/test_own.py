"""A user's own model: Keras 3, Keras 2 and SavedModels are told apart, opened, converted or refused."""

import importlib
import json
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from optkit.convert.from_model import float_tflite
from optkit.errors import ArtifactError, BuildError
from optkit.keras.files import save_model
from optkit.keras.keras3 import load_own_keras
from optkit.keras.own import model_digest, model_kind, open_model
from optkit.keras.tensorflow import load_keras
from optkit.runtime.samples import run_samples
from optkit.tflite.weights import weights_of
from tests.docs.pages import blocks
from tests.keras import own_models


def saved(model, path: Path) -> Path:
    model.save(path)
    return path


def predicted(model, x):
    found = model.predict(x if len(x) > 1 else next(iter(x.values())), verbose=0)
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize("make", [own_models.image, own_models.text, own_models.two, own_models.stack])
def test_a_keras_3_model_is_rebuilt_in_tf_keras_with_the_same_outputs(make, tmp_path):
    model = make()
    path = saved(model, tmp_path / "model.keras")
    assert model_kind(path) == "keras3"
    found = open_model(path)
    assert isinstance(found, load_keras().Model)
    assert [layer.name for layer in found.layers if layer.weights] == [
        layer.name for layer in model.layers if layer.weights
    ]
    x = own_models.inputs(model)
    for expected, got in zip(predicted(model, x), predicted(found, x), strict=True):
        assert np.abs(got - expected).max() <= 1e-5 * np.abs(expected).max()


def test_the_python_of_the_guide_to_keras_3(tmp_path, monkeypatch, capsys):
    """Catches a guide whose names have gone."""
    monkeypatch.chdir(tmp_path)
    saved(own_models.stack(), tmp_path / "model.keras")
    (code,) = blocks("docs/keras3.md", "python")
    exec(compile(code, "docs/keras3.md", "exec"), {})
    kind, digest, model = capsys.readouterr().out.splitlines()[:3]
    assert (kind, digest) == ("keras3", model_digest(tmp_path / "model.keras"))
    assert "keras" in model
    assert run_samples(tmp_path / "float.tflite", own_models.inputs(own_models.stack()))


@pytest.mark.parametrize("make", [own_models.image, own_models.two])
def test_a_keras_3_model_becomes_a_float_tflite(make, tmp_path):
    model = make()
    path = saved(model, tmp_path / "model.keras")
    made = tmp_path / "model.tflite"
    made.write_bytes(float_tflite(path))
    x = own_models.inputs(model)
    found = run_samples(made, x)
    for expected in predicted(model, x):
        assert any(
            got.shape == expected.shape and np.abs(got - expected).max() <= 1e-5 * np.abs(expected).max()
            for got in found.values()
        )


@pytest.mark.parametrize("names", [("conv2d", "conv2d_1", "dense"), ("conv2d_1", "conv2d", "logits_2")])
def test_layers_have_one_name_in_the_file_and_for_techniques(names, tmp_path):
    """Else a pattern of a suite, or of a search, fits only with steps that train, or only without them."""
    load_own_keras()
    import keras

    layers = keras.layers
    stack = [keras.Input((8, 8, 1)), layers.Conv2D(3, 3, name=names[0]), layers.Conv2D(2, 3, name=names[1])]
    path = saved(keras.Sequential([*stack, layers.Flatten(), layers.Dense(4, name=names[2])]), tmp_path / "model.keras")
    made = tmp_path / "model.tflite"
    made.write_bytes(float_tflite(path))
    sizes = {name: one.elements for one in weights_of(made).tensors for name in one.layers if name in names}
    assert sizes == dict(zip(names, (27, 54, 128), strict=True))
    rebuilt = open_model(path)
    assert {name: rebuilt.get_layer(name).kernel.shape.num_elements() for name in names} == sizes


def test_a_recurrent_layer_asks_for_a_fixed_batch(tmp_path):
    keras = load_own_keras()

    def model(**batch):
        given = keras.Input((6, 3), name="x", **batch)
        return own_models.randomized(keras.Model(given, keras.layers.LSTM(4, name="lstm")(given)))

    with pytest.raises(
        BuildError, match=r"a recurrent layer whose batch is free has no .* give the model's Input batch_s"
    ):
        float_tflite(saved(model(), tmp_path / "free.keras"))
    one, made = model(batch_size=1), tmp_path / "one.tflite"
    made.write_bytes(float_tflite(saved(one, tmp_path / "one.keras")))
    x = np.random.default_rng(0).normal(size=(3, 6, 3)).astype(np.float32)
    [found] = run_samples(made, x).values()
    np.testing.assert_allclose(found, np.concatenate([one(x[i : i + 1]) for i in range(3)]), atol=1e-6)


def test_a_rebuilt_model_can_be_trained_and_its_saved_form_read(tmp_path):
    found = open_model(saved(own_models.stack(), tmp_path / "model.keras"))
    x = np.random.default_rng(0).normal(size=(16, 8, 8, 1)).astype(np.float32)
    found.compile("sgd", "mse")
    before = found.get_layer("logits").kernel.numpy().copy()
    found.fit(x, np.zeros((16, 5)), epochs=1, verbose=0)
    assert np.abs(found.get_layer("logits").kernel.numpy() - before).max() > 0
    save_model(found, tmp_path / "again.h5")
    np.testing.assert_allclose(open_model(tmp_path / "again.h5").predict(x, verbose=0), found.predict(x, verbose=0))


def test_an_h5_of_keras_3_is_told_from_one_of_tf_keras(tmp_path):
    model = own_models.stack()
    path = saved(model, tmp_path / "three.h5")
    assert model_kind(path) == "keras3"
    save_model(open_model(path), tmp_path / "two.h5")
    assert model_kind(tmp_path / "two.h5") == "keras2"
    x = own_models.inputs(model)
    for name in ("three.h5", "two.h5"):
        np.testing.assert_allclose(predicted(open_model(tmp_path / name), x), predicted(model, x), rtol=1e-4, atol=1e-5)


def test_a_keras_file_of_tf_keras_is_opened(tmp_path):
    model = open_model(saved(own_models.stack(), tmp_path / "three.keras"))
    path = tmp_path / "two.keras"
    model.save(path)
    assert model_kind(path) == "keras2"
    x = np.ones((2, 8, 8, 1), np.float32)
    np.testing.assert_allclose(open_model(path).predict(x, verbose=0), model.predict(x, verbose=0))


def test_an_operation_between_layers_is_named(tmp_path):
    keras = load_own_keras()
    given = keras.Input((4,))
    x = keras.layers.Dense(4, name="dense")(given)
    path = saved(keras.Model(given, keras.ops.sin(x) + 1.0), tmp_path / "model.keras")
    with pytest.raises(
        BuildError, match=r"the layer 'sin' \(Sin\) cannot be carried over .* it is an operation, not a layer"
    ):
        open_model(path)
    made = tmp_path / "model.tflite"
    made.write_bytes(float_tflite(path))  # but it can be converted
    assert run_samples(made, np.ones((2, 4), np.float32))


def test_an_option_that_tf_keras_has_not_is_named(tmp_path):
    keras = load_own_keras()
    x = keras.Input((4, 8))
    gated = keras.layers.MultiHeadAttention(2, 4, use_gate=True, name="gated")
    path = saved(keras.Model(x, gated(x, x)), tmp_path / "model.keras")
    with pytest.raises(BuildError, match=r"'gated' .* tf-keras' MultiHeadAttention has no use_gate, which is True"):
        open_model(path)


def test_the_outputs_are_the_last_word(tmp_path, monkeypatch):
    """An option that was read wrongly is found by the outputs, and the layer is named."""
    from optkit.keras import rebuild

    path = saved(own_models.image(), tmp_path / "model.keras")
    real = rebuild._options

    def wrong(layer, own, path):
        return {**real(layer, own, path), **({"activation": "tanh"} if layer.name == "hidden" else {})}

    monkeypatch.setattr(rebuild, "_options", wrong)
    with pytest.raises(BuildError, match="the layer 'hidden' gives other outputs than in Keras 3"):
        open_model(path)


def test_weights_that_are_not_finite_are_named(tmp_path):
    """It was told that the layer gives other outputs than in Keras 3: NaN is equal to nothing."""
    model = own_models.image()
    [kernel, *_] = model.get_layer("hidden").weights
    kernel.assign(np.where(np.arange(kernel.shape[1]) == 1, np.nan, np.asarray(kernel)))
    path = saved(model, tmp_path / "model.keras")
    with pytest.raises(ArtifactError, match=r"the layer 'hidden' are NaN or infinite .* training went wrong"):
        open_model(path)


def _rewritten(path: Path, to: Path, change) -> Path:
    """Copy a .keras archive with its configuration changed."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                config = json.loads(data)
                change(config)
                data = json.dumps(config).encode()
            new.writestr(name, data)
    return to


def test_a_lambda_layer_is_refused_unless_it_is_allowed(tmp_path):
    keras = load_own_keras()
    path = saved(
        keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x * 2.0, output_shape=(4,))]),
        tmp_path / "model.keras",
    )
    for call in (open_model, float_tflite):
        with pytest.raises(ArtifactError, match="holds Lambda layers, which run code on loading"):
            call(path)
    made = tmp_path / "model.tflite"
    made.write_bytes(float_tflite(path, allow_lambda=True))
    [values] = run_samples(made, np.ones((2, 4), np.float32)).values()
    assert values.tolist() == [[2.0] * 4] * 2


@pytest.mark.parametrize("kind", ["TFSMLayer", "TorchModuleWrapper", "StringLookup"])
def test_layers_that_read_files_are_refused_before_keras_sees_them(kind, tmp_path):
    def change(config):
        config["config"]["layers"][1]["class_name"] = kind

    path = saved(own_models.stack(), tmp_path / "model.keras")
    with pytest.raises(ArtifactError, match=f"holds {kind} layers"):
        open_model(_rewritten(path, tmp_path / "bad.keras", change))


CUSTOM = """
import keras

@keras.saving.register_keras_serializable(package="mine")
class Twice(keras.layers.Layer):
    def call(self, x):
        return x * 2.0
"""


def test_custom_objects_come_from_a_module_that_was_named(tmp_path, monkeypatch):
    (tmp_path / "my_own_layers.py").write_text(CUSTOM)
    monkeypatch.syspath_prepend(tmp_path)
    load_own_keras()
    my_own_layers = importlib.import_module("my_own_layers")

    keras = load_own_keras()
    path = saved(keras.Sequential([keras.Input((4,)), my_own_layers.Twice(name="twice")]), tmp_path / "model.keras")
    keras.saving.get_custom_objects().clear()
    del sys.modules["my_own_layers"]
    with pytest.raises(
        ArtifactError, match=r"'Twice' of the module 'my_own_layers'; .* custom_objects = \"my_own_layers\""
    ):
        float_tflite(path)
    assert "my_own_layers" not in sys.modules
    made = tmp_path / "model.tflite"
    made.write_bytes(float_tflite(path, "my_own_layers"))
    [values] = run_samples(made, np.ones((1, 4), np.float32)).values()
    assert values.tolist() == [[2.0] * 4]
    with pytest.raises(BuildError, match=r"'twice' \(Twice\) cannot be carried over"):
        open_model(path, "my_own_layers")
    with pytest.raises(BuildError, match="custom_objects = 'no_such_module' cannot be imported"):
        float_tflite(path, "no_such_module")


def test_files_that_are_no_models(tmp_path):
    (tmp_path / "bad.keras").write_bytes(b"no archive")
    (tmp_path / "bad.h5").write_bytes(b"no HDF5")
    (tmp_path / "bad.onnx").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for name, told in {
        "bad.keras": "is not a Keras model",
        "bad.h5": "is not a Keras model",
        "bad.onnx": "ends in '.onnx'; give .keras, .h5, .tflite, or a SavedModel folder",
        "folder": "is a folder without saved_model.pb",
        "none.h5": "cannot be read: No such file",
    }.items():
        with pytest.raises(ArtifactError, match=re.escape(told)):
            model_kind(tmp_path / name)


def test_damaged_values_end_a_process_of_their_own(tmp_path):
    path = saved(own_models.stack(), tmp_path / "model.keras")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "cut.keras", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data[: len(data) // 2] if name.endswith(".h5") else data)
    with pytest.raises(ArtifactError, match=r"cut\.keras cannot be read"):
        open_model(tmp_path / "cut.keras")
