"""A SavedModel of the user: read, converted, or refused."""

import numpy as np
import pytest

from optkit.convert.from_model import float_tflite
from optkit.errors import ArtifactError, BuildError
from optkit.keras.own import model_digest, open_model
from optkit.keras.tensorflow import load_keras, load_tensorflow
from optkit.runtime.samples import run_samples


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    """A SavedModel folder of a tf-keras model, and that model."""
    keras = load_keras()
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, name="dense")], name="small")
    folder = tmp_path_factory.mktemp("saved") / "model"
    model.save(folder, save_format="tf")
    return folder, model


def test_a_saved_model_of_tf_keras_is_opened_and_converted(saved_model, tmp_path):
    folder, model = saved_model
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(open_model(folder).predict(x, verbose=0), expected, rtol=1e-6)
    made = tmp_path / "model.tflite"
    made.write_bytes(float_tflite(folder))
    [found] = run_samples(made, x).values()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def module(folder, function, spec):
    tf = load_tensorflow()
    made = tf.Module()
    made.call = tf.function(function, input_signature=[spec])
    tf.saved_model.save(made, str(folder), signatures={"serving_default": made.call})
    return folder


def test_another_saved_model_is_converted_but_not_trained(tmp_path):
    tf = load_tensorflow()
    folder = module(tmp_path / "graph", lambda x: {"y": x * 3.0}, tf.TensorSpec([None, 4], tf.float32, name="x"))
    with pytest.raises(BuildError, match=r"is a graph without Keras layers .* give the model as \.h5 or \.keras"):
        open_model(folder)
    made = tmp_path / "model.tflite"
    made.write_bytes(float_tflite(folder))
    assert run_samples(made, np.ones((2, 4), np.float32))["y"].tolist() == [[3.0] * 4] * 2


def test_a_saved_model_that_reads_files_is_refused(tmp_path):
    tf = load_tensorflow()
    folder = module(
        tmp_path / "graph",
        lambda x: {"y": tf.strings.length(tf.io.read_file("/etc/hostname")) + tf.cast(x, tf.int32)},
        tf.TensorSpec([1], tf.float32, name="x"),
    )
    for call in (open_model, float_tflite):
        with pytest.raises(ArtifactError, match="has the operation ReadFile, which reaches out of the graph"):
            call(folder)


def test_an_operation_without_a_kernel_is_named(tmp_path):
    tf = load_tensorflow()
    folder = module(
        tmp_path / "graph",
        lambda x: {"y": tf.linalg.det(tf.reshape(x, [2, 2]))},
        tf.TensorSpec([4], tf.float32, name="x"),
    )
    with pytest.raises(BuildError, match="has no operator for MatrixDeterminant; replace the layers that use it"):
        float_tflite(folder)


def test_the_digest_of_a_folder_is_of_names_and_contents(saved_model, tmp_path):
    folder = tmp_path / "folder"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "one").write_bytes(b"1")
    (folder / "two").write_bytes(b"2")
    first = model_digest(folder)
    assert first == model_digest(folder)
    (folder / "two").write_bytes(b"3")
    changed = model_digest(folder)
    (folder / "two").write_bytes(b"2")
    (folder / "two").rename(folder / "three")
    assert len({first, changed, model_digest(folder)}) == 3
    assert model_digest(folder / "three") == "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35"
    with pytest.raises(ArtifactError, match="cannot be read"):
        model_digest(tmp_path / "none")
    (folder / "b").symlink_to(tmp_path)
    with pytest.raises(ArtifactError, match="b is a link to a folder"):
        model_digest(folder)
