"""Models with several outputs: one is judged, by its name; the names of Keras and of the file are the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import optkit
from optkit.cli import main
from optkit.convert.from_model import float_tflite
from optkit.errors import ArtifactError, OptkitError
from optkit.measure.metrics import choose_scorer
from optkit.models.look import look_at_model
from optkit.runtime.samples import run_samples
from optkit.tflite.interface import read_interface
from tests.keras import own_models
from tests.tflite.models import pack
from tests.tflite.networks import two_ends, two_samples

SUITE = """
schema = 2
name = "two"
model = "two.tflite"
data = "two.npz"
variants = ["dynamic_range"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that gives a class and a flag, and samples with the classes that it gives, but for every fourth."""
    monkeypatch.chdir(tmp_path)
    Path("two.tflite").write_bytes(pack(two_ends()))
    x = two_samples(80)
    y = run_samples(Path("two.tflite"), x)["class"].argmax(axis=1)
    y[::4] = (y[::4] + 1) % 5
    arrays = {f"x_{split}_{name}": array[rows] for split, rows in SPLITS.items() for name, array in x.items()}
    np.savez("two.npz", **arrays, **{f"y_{split}": y[rows] for split, rows in SPLITS.items()})
    return tmp_path


SPLITS = {"train": slice(40), "test": slice(40, None)}


def gathered(text: str) -> Any:
    Path("suite.toml").write_text(text)
    suite, dataset = optkit.open_suite("suite.toml")
    store = optkit.Store()
    built = optkit.build_variants(suite, suite.variants, dataset, store)
    with optkit.KerasWorkers() as workers:
        return suite, optkit.gather(suite, built, dataset, store, workers)


def test_the_output_that_is_named_is_judged(folder: Path) -> None:
    suite, facts = gathered(SUITE + 'output = "class"\n')
    assert suite.workload.task == "multiclass"
    assert facts["float32"].accuracy == 0.75
    _, facts = gathered(SUITE + 'output = "class"\ntask = "multiclass"\nmetric = "top5"\n')
    assert facts["float32"].score == 1.0


def test_which_is_judged_must_be_said(folder: Path) -> None:
    with pytest.raises(
        OptkitError, match="the model has 2 outputs: class, flag; say in the suite file which is judged"
    ):
        gathered(SUITE)
    with pytest.raises(ArtifactError, match=r"output is 'klass', and .* has no such output; did you mean 'class'\?"):
        gathered(SUITE + 'output = "klass"\n')


def test_init_names_the_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "two.tflite", "two.npz"]) == 0
    assert "outputs class, flag: class is judged" in capsys.readouterr().out
    assert optkit.load_suite("two.toml").workload.output == "class"


def test_a_function_gets_the_one_or_all() -> None:
    outputs = {"class": np.ones((3, 2)), "flag": np.zeros((3, 1))}
    labels = np.zeros(3, np.int64)
    scorer = choose_scorer("mse", "regression", output="flag")
    assert scorer.from_outputs(labels.astype(np.float32), outputs).value == 0
    assert scorer.about["output"] == "flag"
    assert "output" not in choose_scorer("mse", "regression").about, "kept scores keep their keys"
    with pytest.raises(OptkitError, match="output is 'other', and the model has class, flag"):
        choose_scorer("mse", "regression", output="other").from_outputs(labels, outputs)


def test_outputs_of_a_keras_3_model_have_their_layers_names_in_the_file(tmp_path: Path) -> None:
    model = own_models.two()
    model.save(path := tmp_path / "two.keras")
    assert look_at_model(path).outputs == ("class", "value")
    assert look_at_model(path, "value").activation == "linear"
    made = tmp_path / "two.tflite"
    made.write_bytes(float_tflite(path))
    assert {spec.name for spec in read_interface(made).outputs} == {"class", "value"}
    x = own_models.inputs(model)
    found, expected = run_samples(made, x), model.predict(x, verbose=0)
    np.testing.assert_allclose(found["class"], expected[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["value"], expected[1], rtol=1e-4, atol=1e-5)
