"""A float .tflite becomes a .mnn file that computes the same; what cannot is refused before MNN sees it, or named."""

import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from optkit.convert import mnn
from optkit.convert.mnn import MNNConversion, conversion_key, convert_mnn, mnn_names
from optkit.convert.mnn_session import Session
from optkit.errors import ArtifactError, BuildError, DataError, SuiteError
from optkit.runtime.samples import run_samples
from optkit.tflite.interface import read_interface
from tests.builders import artifact
from tests.convert.watched_mnn import CALLS
from tests.isolation import PYTHONPATH, ROOT
from tests.tflite.models import crashing_model, int8_model, loop_model, pack
from tests.tflite.networks import KIND, Graph, classifier, samples, two_ends, two_samples, written

pytest.importorskip("_mnncengine", reason="the extra mnn is not installed")

X = samples(64)


def convert(model, x=None, **fields):
    content = model if isinstance(model, bytes) else pack(model)
    return convert_mnn(content, MNNConversion(**fields), x, name="net.tflite")


def scores(tmp_path, data, x=X):
    path = tmp_path / "run.mnn"
    path.write_bytes(data)
    session = Session(path, batch=len(x))
    (name,), (found,) = session.inputs, session.run({next(iter(session.inputs)): x}).values()
    assert name == "image"
    return found


def reference(tmp_path, model, x=X):
    return run_samples(written(tmp_path / "reference.tflite", model), x)["scores"]


def convolution():
    """6 by 5 pixels of 3 channels in, 4 channels out: no two sizes are the same, so an order that is wrong shows."""
    graph = Graph(2)
    x, y = graph.add([1, 6, 5, 3], "x"), graph.add([1, 6, 5, 4], "y")
    w, b = graph.weights([4, 3, 3, 3], "w"), graph.weights([4], "b")
    options = schema.Conv2DOptionsT(strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)
    graph.apply(KIND.CONV_2D, [x, w, b], [y], options)
    return graph.model([x], [y], ("image", "scores"))


def elu():
    graph = Graph(2)
    x, y = graph.add([1, 8], "x"), graph.add([1, 8], "y")
    graph.apply(KIND.ELU, [x], [y])
    return graph.model([x], [y])


@pytest.fixture(scope="module")
def plain():
    return convert(classifier())


def test_the_float_file_computes_the_same(tmp_path, plain):
    assert np.abs(scores(tmp_path, plain) - reference(tmp_path, classifier())).max() < 1e-5


# Of probabilities. Measured: 0.012, 0.25 (4 bits tell 16 weights apart), 0.028, 0.029, 0.021.
@pytest.mark.parametrize(
    ("quantization", "most"), [("weight_8", 0.03), ("weight_4", 0.5), ("kl", 0.08), ("admm", 0.08), ("ema", 0.08)]
)
def test_each_quantization_is_smaller_and_near(tmp_path, plain, quantization, most):
    data = convert(classifier(), X, quantization=quantization)
    error = np.abs(scores(tmp_path, data) - reference(tmp_path, classifier())).max()
    assert 0 < error <= most
    assert len(data) < len(plain) - 3000


@pytest.mark.parametrize("method", ["kl", "admm", "ema"])
def test_every_calibration_sample_counts(tmp_path, method):
    """Of batches, MNN keeps the last folder of samples alone. One that is far out counts, wherever it stands."""
    x = samples(16)
    near = scores(tmp_path, convert(classifier(), x, quantization=method))
    for place in (0, 7, 15):
        far = x.copy()
        far[place] *= 1000
        away = np.abs(scores(tmp_path, convert(classifier(), far, quantization=method)) - near).max()
        assert away > 0.1, place


def test_images_and_their_order(tmp_path):
    x = np.random.default_rng(0).random((4, 6, 5, 3), np.float32)
    wanted = reference(tmp_path, convolution(), x)
    assert np.abs(scores(tmp_path, convert(convolution()), x) - wanted).max() < 1e-5
    data = convert(convolution(), x, quantization="kl")
    assert np.abs(scores(tmp_path, data, x) - wanted).max() < 0.05


def test_several_inputs_and_outputs(tmp_path):
    path = tmp_path / "two.mnn"
    path.write_bytes(convert(two_ends()))
    x = two_samples(5)
    session = Session(path, batch=5)
    assert {name: dtype.__name__ for name, (_, dtype) in session.inputs.items()} == {
        "ids": "int32",
        "numbers": "float32",
    }
    found = session.run({"ids": x["ids"].astype(np.int32), "numbers": x["numbers"]})
    wanted = run_samples(written(tmp_path / "two.tflite", two_ends()), x)
    for name in ("class", "flag"):
        np.testing.assert_allclose(found[name], wanted[name], atol=1e-5)


def test_a_batch_that_is_part_of_the_model(tmp_path):
    data = convert(classifier(free=False), X, quantization="kl")
    assert scores(tmp_path, data, X[:1]).shape == (1, 5)


@pytest.mark.parametrize("mode", ["int8"])
def test_a_quantized_file_is_refused_before_mnn_sees_it(built_store, monkeypatch, mode):
    monkeypatch.setattr(mnn, "_work", None)
    told = "is quantized already: the weights of .* are int8; MNN reads such a file without an error and computes"
    with pytest.raises(ArtifactError, match=told):
        convert(artifact(built_store, mode).read_bytes())
    with pytest.raises(ArtifactError, match=told):
        convert(int8_model())


def test_float16_is_a_float_file(tmp_path):
    from optkit.convert.from_tflite import convert_tflite
    from optkit.spec import Conversion

    half = convert_tflite(pack(classifier()), Conversion(mode="float16"), None, tried=True)
    assert np.abs(scores(tmp_path, convert(half)) - reference(tmp_path, classifier())).max() < 2e-3


def test_ema_gives_the_same_file_twice_or_none():
    """MNN's EMA makes a file of memory that nobody set where inputs are images with channels: that is refused."""
    assert convert(classifier(), X, quantization="ema") == convert(classifier(), X, quantization="ema")
    with pytest.raises(BuildError, match=r"'ema': input 'image' has 4 dimensions, .* take 'kl' or 'admm'"):
        convert(convolution(), np.zeros((4, 6, 5, 3), np.float32), quantization="ema")


def test_what_cannot_be_converted_is_said_in_one_line(monkeypatch):
    with pytest.raises(BuildError, match=r"^net.tflite: MNN's converter does not know the operator ELU; replace the"):
        convert(elu())
    with pytest.raises(ArtifactError, match=r"has 3 subgraphs, for loops or branches; MNN's converter reads one"):
        convert(loop_model())
    with pytest.raises(ArtifactError, match=r"the runtime crashed on net.tflite \(signal SIGSEGV\)"):
        convert(crashing_model())
    with pytest.raises(ArtifactError, match=r"is not a \.tflite file"):
        convert(b"hello, I am no model")


def test_a_conversion_that_computes_something_else_is_refused(monkeypatch):
    """Whatever MNN makes of a file is run beside LiteRT. Here a quantized file passes the check of types."""
    monkeypatch.setattr(mnn, "refusal", lambda model, name: None)
    with pytest.raises(BuildError, match=r"MNN computes something else than LiteRT: output 'y' is off by \S+ on"):
        convert(int8_model())


@pytest.mark.parametrize(
    ("model", "x", "fields", "told"),
    [
        (classifier, None, {"quantization": "kl"}, "'kl' needs samples to calibrate on; give training samples"),
        (classifier, X[:0], {"quantization": "ema"}, "the calibration data has no samples"),
        (
            classifier,
            X[:, :3],
            {"quantization": "ema"},
            r"samples for 'image' have shape \(3,\); the model takes \(16\)",
        ),
        (two_ends, two_samples(), {"quantization": "kl"}, "on inputs of float32 only, and 'ids' is another type"),
    ],
)
def test_samples_that_do_not_fit(model, x, fields, told):
    with pytest.raises(DataError, match=told):
        convert(model(), x, **fields)


def test_wrong_settings():
    with pytest.raises(SuiteError, match="quantization is 'int8'; "):
        MNNConversion(quantization="int8")  # type: ignore[arg-type]
    with pytest.raises(SuiteError, match="calibration_samples is 0; expected 1 or more"):
        MNNConversion(calibration_samples=0)


def test_names_that_are_no_plain_names_are_replaced(tmp_path):
    """MNN's quantizer opens a file called after each input: `../../x` would lie outside of the folder."""
    path = written(tmp_path / "odd.tflite", classifier(names=("../../x", "Const 3")))
    assert mnn_names(read_interface(path)) == (("input_0",), ("output_0",))
    data = convert(path.read_bytes(), X, quantization="ema")
    (tmp_path / "odd.mnn").write_bytes(data)
    assert list(Session(tmp_path / "odd.mnn").inputs) == ["input_0"]
    assert b".." not in data


def test_the_key_covers_the_version_and_the_samples(monkeypatch):
    base = conversion_key("a", MNNConversion(quantization="kl"), "1")
    assert base != conversion_key("a", MNNConversion(quantization="kl"), "2")
    assert base != conversion_key("a", MNNConversion(quantization="kl", calibration_samples=9), "1")
    plain = MNNConversion()
    assert conversion_key("a", plain, "1") == conversion_key("a", MNNConversion(calibration_samples=9), None)
    before = conversion_key("a", plain, None)
    monkeypatch.setattr(mnn, "mnn_version", lambda: "9.9")
    assert conversion_key("a", plain, None) != before


@pytest.fixture(scope="module")
def request_file(tmp_path_factory):
    """A request as the process that converts gets it, for the KL quantizer, with all its files in place."""
    folder = tmp_path_factory.mktemp("mnn")
    kept: dict[str, Any] = {}

    def keep(place: Path, request, name: str) -> None:
        shutil.copytree(place, folder / "work")
        kept.update(request, folder=str(folder / "work"))
        (place / "result.mnn").write_bytes(b"")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mnn, "_work", keep)
        convert(classifier(), X, quantization="kl")
    (folder / "request.json").write_text(json.dumps(kept))
    return folder / "request.json"


def watched(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "tests.convert.watched_mnn", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": PYTHONPATH},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_whole_conversion_starts_no_process_opens_no_connection_and_installs_nothing(request_file, tmp_path):
    """The package's own commands install a package that sends what was converted to a server."""
    installed = {f"{d.name} {d.version}" for d in importlib.metadata.distributions()}
    places = {path: sorted(p.name for p in Path(path).iterdir()) for path in sys.path if Path(path).is_dir()}
    done = watched(str(request_file), str(tmp_path / "seen.json"))
    assert done.returncode == 0, done.stderr
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen["answer"] == {}
    assert seen["events"] == []
    assert seen["native"] or sys.platform != "linux" or platform.machine() not in CALLS
    assert (request_file.parent / "work" / "result.mnn").stat().st_size > 1000
    assert {f"{d.name} {d.version}" for d in importlib.metadata.distributions()} == installed
    assert {path: sorted(p.name for p in Path(path).iterdir()) for path in places} == places


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux'")
def test_the_watchers_of_the_test_above_are_awake(request_file, tmp_path):
    done = watched("break out", str(tmp_path / "seen.json"))
    assert done.returncode != 0
    assert not (tmp_path / "seen.json").exists()


@pytest.mark.parametrize(
    "deed",
    [
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
        "import socket; socket.create_connection(('localhost', 9))",
        "import MNN.tools.mnnconvert",
    ],
)
def test_the_process_that_converts_refuses_what_the_packages_commands_do(deed):
    code = f"from optkit.convert.mnn_session import refuse_the_rest; refuse_the_rest(); {deed}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert re.search(r"PermissionError: MNN asked for .*optkit does not let it", done.stderr), done.stderr
