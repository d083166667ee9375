"""Models in MNN behind the protocol of runtimes: the outputs are LiteRT's, by the file's own names."""

import dataclasses
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from optkit.build.store import Store
from optkit.convert.mnn import MNNConversion
from optkit.errors import ArtifactError, BuildError, DataError, SuiteError
from optkit.runtime import find_runtime, make_settings
from optkit.runtime.mnn import MNNRunner
from optkit.runtime.mnn_files import make_mnn, read_calibration, store_of
from optkit.runtime.mnn_settings import MNNSettings
from optkit.runtime.predict import predict
from optkit.runtime.registry import settings_values
from optkit.runtime.samples import run_samples
from optkit.spec.running import Running
from tests.builders import artifact
from tests.tflite.models import int8_model
from tests.tflite.networks import classifier, samples, two_ends, two_samples, written

pytest.importorskip("_mnncengine", reason="the extra mnn is not installed")

X = samples(6)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return written(tmp_path_factory.mktemp("mnn") / "net.tflite", classifier())


@pytest.fixture(scope="module")
def mnn_file(model):
    path = model.with_suffix(".mnn")
    path.write_bytes(make_mnn(model, MNNConversion()))
    return path


def load(path, batch=6, **settings):
    runtime = find_runtime("mnn")
    return runtime.runner(path, make_settings(runtime, settings), threads=2, batch=batch)


def test_the_outputs_are_litert_s(model):
    runner = load(model)
    raw = runner.invoke(runner.prepare(X))
    wanted = run_samples(model, X)["scores"]
    np.testing.assert_allclose(runner.scores(raw), wanted, atol=1e-5)
    assert list(runner.outputs(raw)) == ["scores"]
    again = runner.invoke(runner.prepare(X[::-1]))
    np.testing.assert_allclose(runner.scores(raw), wanted, atol=1e-5)  # raw outputs are copies
    np.testing.assert_allclose(runner.scores(again), wanted[::-1], atol=1e-5)
    memory = runner.memory()
    assert memory.arena_bytes > 1680 * 4  # its weights
    assert memory.parts["file"] > 1680 * 4
    runner.close()


def test_several_inputs_and_outputs_by_name(tmp_path):
    path = written(tmp_path / "two.tflite", two_ends(("a/ids", "b/numbers", "c/class", "d/flag")))
    x = {"b/numbers": two_samples(3)["numbers"], "a/ids": two_samples(3)["ids"]}
    runner = load(path, batch=3)
    found, wanted = runner.outputs(runner.invoke(runner.prepare(x))), run_samples(path, x)
    assert list(found) == ["c/class", "d/flag"]
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, atol=1e-5)
    raw = runner.invoke(runner.prepare(x))
    assert np.array_equal(runner.scores(raw, "d/flag"), found["d/flag"])
    with pytest.raises(ArtifactError, match="has the outputs 'c/class', 'd/flag', and None was asked for"):
        runner.scores(raw)
    with pytest.raises(ArtifactError, match=r"samples are for the inputs 'a/ids'; .* takes 'a/ids', 'b/numbers'"):
        runner.prepare({"a/ids": x["a/ids"]})
    with pytest.raises(ArtifactError, match=r"has the inputs 'a/ids', 'b/numbers'; expected one"):
        _ = runner.sample_shape


def test_a_mnn_file_as_it_is(mnn_file, model):
    runner = load(mnn_file)
    np.testing.assert_allclose(
        runner.scores(runner.invoke(runner.prepare(X))), run_samples(model, X)["scores"], atol=1e-5
    )
    assert runner.sample_shape == (16,)
    with pytest.raises(ArtifactError, match=r"is a \.mnn file, and quantization is 'weight_8'"):
        load(mnn_file, quantization="weight_8")


def test_a_batch_that_the_model_does_not_take(tmp_path):
    path = written(tmp_path / "one.tflite", classifier(free=False))
    with pytest.raises(ArtifactError, match="takes 1 samples a call, and 6 were asked for"):
        load(path)
    runner = load(path, batch=1)
    with pytest.raises(ArtifactError, match=r"samples have shape \(6, 16\); the model takes \(1, 16\)"):
        runner.prepare(X)


def test_damaged_mnn_files_are_one_line(mnn_file, tmp_path):
    """What MNN does with such a file, it does in another process."""
    whole = mnn_file.read_bytes()
    refusal = find_runtime("mnn").refusal
    cases = {"empty": b"", "text": b"hello, I am no model at all" * 9, "half": whole[: len(whole) // 2]}
    for name, content in cases.items():
        path = tmp_path / f"{name}.mnn"
        path.write_bytes(content)
        told = refusal(path, MNNSettings())
        assert told
        assert f"{name}.mnn" in told
        assert "\n" not in told
    assert "cannot be read" in str(refusal(tmp_path / "missing.mnn", MNNSettings()))
    assert refusal(mnn_file, MNNSettings()) is None


def test_a_quantized_file_is_refused(tmp_path):
    told = str(find_runtime("mnn").refusal(written(tmp_path / "int8.tflite", int8_model()), MNNSettings()))
    assert "is quantized already" in told
    assert "let MNN quantize it" in told


def test_a_file_of_a_store_has_its_mnn_files_there_too(built_store, model, tmp_path, monkeypatch):
    """And one that is in no store leaves nothing behind."""
    own = shutil.copytree(built_store, tmp_path / "store")
    path = artifact(own, "float32")
    store = store_of(path)
    assert store
    assert store.root == own
    assert store_of(model) is None
    before = set(own.rglob("model.mnn"))
    content = make_mnn(path, MNNConversion(), store=store)
    (new,) = set(own.rglob("model.mnn")) - before
    assert new.read_bytes() == content
    monkeypatch.setattr("optkit.runtime.mnn_files.convert_mnn", None)  # it is not made again
    assert make_mnn(path, MNNConversion(), store=store) == content
    load(path, batch=2).close()


def test_calibration_samples_from_a_file(model, tmp_path):
    x = samples(40)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", x_train=x)
    np.savez(tmp_path / "named.npz", x_train_image=x, x_test_image=x[:3])
    np.savez(tmp_path / "other.npz", x_train_sound=x, x_train_light=x)
    for name in ("x.npy", "x.npz"):
        assert np.array_equal(np.asarray(read_calibration(tmp_path / name, model)), x)
    named = read_calibration(tmp_path / "named.npz", model)
    assert isinstance(named, dict)
    assert np.array_equal(named["image"], x)
    with pytest.raises(DataError, match=r"has samples for 'sound', 'light'; .*net.tflite takes image"):
        read_calibration(tmp_path / "other.npz", model)
    (tmp_path / "text.npz").write_text("no archive")
    for name in ("text.npz", "none.npy"):
        with pytest.raises(
            DataError, match=rf"{name} cannot be read: .*; give an .npz or .npy file of training samples"
        ):
            read_calibration(tmp_path / name, model)
    runner = load(model, quantization="ema", calibration=str(tmp_path / "x.npz"))
    off = np.abs(runner.scores(runner.invoke(runner.prepare(X))) - run_samples(model, X)["scores"]).max()
    assert 0 < off < 0.2


def test_another_file_of_the_same_name_is_another_setting(tmp_path):
    """Accuracies are kept by what a runtime was set to."""
    found = []
    for seed in (1, 2):
        np.save(tmp_path / "x.npy", samples(8, seed))
        made = MNNSettings(quantization="kl", calibration=str(tmp_path / "x.npy"))
        found.append(settings_values(made))
        assert MNNSettings(**found[-1]) == made
    assert found[0] != found[1]
    with pytest.raises(SuiteError, match="is not the file of sha256"):
        MNNSettings(**found[0])
    with pytest.raises(SuiteError, match=r"calibration '.*none.npz' cannot be read \(No such file"):
        MNNSettings(quantization="kl", calibration=str(tmp_path / "none.npz"))


def test_settings():
    assert [field.name for field in dataclasses.fields(MNNSettings)][:2] == ["quantization", "precision"]
    with pytest.raises(SuiteError, match="precision is 'half'"):
        MNNSettings(precision="half")  # type: ignore[arg-type]
    with pytest.raises(SuiteError, match="kl, admm and ema need a file of training samples, and the others take none"):
        MNNSettings(quantization="kl")
    with pytest.raises(SuiteError, match=r"quantization is 'weight_8' and calibration 'x\.npz'"):
        MNNSettings(quantization="weight_8", calibration="x.npz")


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "_mnncengine", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ArtifactError, match=r"runtime 'mnn' is not installed; pip install 'optkit\[mnn\]'"):
        find_runtime("mnn")


def test_an_image_in_and_a_class_out(tmp_path):
    path = written(tmp_path / "net.tflite", image_classifier())
    Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4) * 16).save(tmp_path / "grey.png")
    wanted = predict(path, [tmp_path / "grey.png"], top=2)[0].top
    (found,) = predict(path, [tmp_path / "grey.png"], top=2, running=Running(runtime="mnn"))
    assert [guess.index for guess in found.top] == [guess.index for guess in wanted]
    assert found.top[0].probability == pytest.approx(wanted[0].probability, abs=1e-5)
    (tmp_path / "net.mnn").write_bytes(make_mnn(path, MNNConversion()))
    (found,) = predict(tmp_path / "net.mnn", [tmp_path / "grey.png"], top=2, running=Running(runtime="mnn"))
    assert [guess.index for guess in found.top] == [guess.index for guess in wanted]
    assert found.top[0].probability is None
    with pytest.raises(ArtifactError, match=r"is a \.mnn file, and the runtime is 'litert'; ask for --runtime mnn"):
        predict(tmp_path / "net.mnn", [tmp_path / "grey.png"])


def image_classifier():
    """4 by 4 pixels of one channel, flattened, into the classifier's layers."""
    from ai_edge_litert import schema_py_generated as schema

    from tests.tflite.networks import KIND, TYPE, Graph

    graph = Graph(3)
    x, flat = graph.add([1, 4, 4, 1], "net/x"), graph.add([1, 16], "net/flat")
    shape = graph.add([2], "net/shape", TYPE.INT32, np.array([-1, 16], np.int32))
    graph.apply(KIND.RESHAPE, [x, shape], [flat], schema.ReshapeOptionsT(newShape=[-1, 16]))
    logits = graph.dense(graph.dense(flat, 16, 80, "net/hidden", activation=1), 80, 5, "net/logits")
    return graph.model([x], [graph.softmax(logits, 5, "net/softmax")], ("image", "scores"))


def test_what_mnn_cannot_convert_is_a_build_error(tmp_path):
    from tests.convert.test_mnn import elu

    with pytest.raises(BuildError, match="does not know the operator ELU"):
        MNNRunner(written(tmp_path / "elu.tflite", elu()))
    assert Store(tmp_path / "store").find("0" * 64) is None
    assert not list(Path(tmp_path).glob("*.mnn"))
