"""A .tflite that is quantized already, alone and beside the variants of its float model. Without TensorFlow."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import optkit
from optkit.build.stages import stages
from optkit.cli import main
from optkit.convert.from_tflite import convert_tflite
from optkit.errors import ArtifactError, DataError
from optkit.runtime.samples import run_samples
from optkit.spec import Conversion
from optkit.suites.begin import begin
from tests.tflite.models import pack
from tests.tflite.networks import classifier, samples

INTEGER = Conversion(mode="int8", input_type="int8", output_type="int8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A float file, an int8 one with integer inputs and outputs, and labels of which the float file is right."""
    monkeypatch.chdir(tmp_path)
    x = samples(120)
    Path("model.tflite").write_bytes(pack(classifier()))
    Path("reference.tflite").write_bytes(convert_tflite(pack(classifier()), INTEGER, x, tried=True))
    [outputs] = run_samples(Path("model.tflite"), x).values()
    y = outputs.argmax(axis=1)
    np.savez("data.npz", x_train=x[:60], y_train=y[:60], x_test=x[60:], y_test=y[60:])
    return tmp_path


def gathered(suite_file: str) -> Any:
    suite, dataset = optkit.open_suite(suite_file)
    store = optkit.Store(Path("store"))
    artifacts = optkit.build_variants(suite, suite.variants, dataset, store)
    with optkit.KerasWorkers() as workers:
        return artifacts, optkit.gather(suite, artifacts, dataset, store, workers)


def test_init_says_that_it_is_quantized_and_what_can_be_done(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It wrote a suite whose variants could not be built."""
    assert main(["init", "reference.tflite", "data.npz"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "reference.tflite is quantized already (the weights of FULLY_CONNECTED" in said
    assert 'variants = ["int8", "reference.tflite"]' in said
    artifacts, facts = gathered("reference.toml")
    assert list(facts) == ["as_it_is"]
    assert facts["as_it_is"].accuracy > 0.9
    assert artifacts["as_it_is"].path.read_bytes() == Path("reference.tflite").read_bytes()


def test_a_finished_file_stands_beside_what_is_built(folder: Path) -> None:
    assert main(["init", "model.tflite", "data.npz"]) == 0
    text = Path("model.toml").read_text()
    Path("model.toml").write_text(text.replace('"dynamic_range", "int8", "float16"', '"int8", "reference.tflite"'))
    artifacts, facts = gathered("model.toml")
    assert list(facts) == ["float32", "int8", "reference"]
    assert artifacts["reference"].path.read_bytes() == Path("reference.tflite").read_bytes()
    assert facts["reference"].accuracy == pytest.approx(facts["int8"].accuracy, abs=0.05)
    assert facts["reference"].artifact.size_ratio > 1.5


def test_another_file_of_that_name_is_another_key(folder: Path) -> None:
    Path("two.toml").write_text(
        'schema = 2\nname = "two"\nmodel = "model.tflite"\ndata = "data.npz"\nvariants = ["reference.tflite"]\n'
    )

    def key() -> str:
        suite, dataset = optkit.open_suite("two.toml")
        return stages(suite, suite.variant("reference"), dataset.digest).key

    before = key()
    Path("reference.tflite").write_bytes(convert_tflite(pack(classifier(seed=1)), INTEGER, samples(60), tried=True))
    assert key() != before


def test_a_finished_file_that_takes_other_samples_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.tflite.networks import two_ends

    Path("other.tflite").write_bytes(pack(two_ends()))
    assert main(["init", "model.tflite", "data.npz"]) == 0
    text = Path("model.toml").read_text().replace('"dynamic_range", "int8", "float16"', '"int8", "other.tflite"')
    Path("model.toml").write_text(text)
    assert main(["build", "model.toml"]) == 2
    assert "variant 'other' (other.tflite): data.npz" in capsys.readouterr().err
    Path("other.tflite").unlink()
    assert main(["build", "model.toml"]) == 2
    assert "other.tflite cannot be read" in capsys.readouterr().err


def test_a_study_takes_a_finished_file_one_name_and_another_metric(folder: Path) -> None:
    """A name by itself was read letter by letter: there is no recipe 'i'."""
    with np.load("data.npz") as found:
        data = tuple(found[name] for name in ("x_train", "y_train", "x_test", "y_test"))
    study = optkit.compress("model.tflite", data, ["int8", "reference.tflite"], metric="f1", store="store")  # type: ignore[arg-type]
    assert repr(study) == "<Study of float32, int8, reference>"
    quality = study["reference"].facts.quality
    assert quality is not None
    assert quality.scores.metric == "f1"
    assert study["reference"].path.read_bytes() == Path("reference.tflite").read_bytes()
    assert list(optkit.compress("model.tflite", "data.npz", "int8", store="store")) == ["float32", "int8"]
    with pytest.raises(DataError, match=r"^the data: y_test has shape \(3,\) and its samples \(60, 16\)"):
        optkit.compress("model.tflite", (*data[:3], data[3][:3]), "int8", store="store")  # type: ignore[arg-type]


def test_a_model_of_the_users_own_class_is_named_with_the_way_out(folder: Path) -> None:
    """It was told that it is no Keras model that can be read ('layers')."""
    with zipfile.ZipFile("sub.keras", "w") as file:
        file.writestr("config.json", json.dumps({"class_name": "Mine", "config": {"name": "sub"}}))
        file.writestr("metadata.json", json.dumps({"keras_version": "3.9.0"}))
    with pytest.raises(ArtifactError, match=r"a model of a class of yours \(Mine\).*model\.export\(FOLDER\)"):
        begin(Path("sub.keras"), "data.npz", folder)
