"""The diagnosis as users get it: of two files, of a suite, its lines in a suite file, its JSON, its errors."""

import contextlib
import io
import json
import shutil
import subprocess
import sys

import msgspec
import numpy as np
import pytest

from optkit import Store, build_variants, diagnose, find_variants, load_suite, open_suite
from optkit.cli import main
from optkit.doctor.diagnosis import Diagnosis
from optkit.doctor.quality import run_bytes
from optkit.errors import ArtifactError
from optkit.report.doctor import diagnosis_text
from optkit.tflite.flatbuffer import parse_flatbuffer, tensor_name
from optkit.tflite.view import View
from tests.docs.pages import blocks
from tests.doctor import nets
from tests.tflite.models import crashing_model, dense_model, pack


def with_clipped_layer(plain, data):
    """Return an int8 file whose first layer's range is a tenth of what it needs."""
    from benchmarks.studies.doctor_faults.faults import _with_ranges

    view = View(parse_flatbuffer(plain))
    name = tensor_name(view.tensors[next(n for n in view.nodes if n.kind == "CONV_2D").outputs[0]])
    return _with_ranges(plain, data.x_train, lambda r: {**r, name: (0.1 * r[name][0], 0.1 * r[name][1])})


@pytest.fixture(scope="module")
def faulty(files, plain, data):
    """The folder of files with a faulty int8 file, and its diagnosis, read again from what --json prints."""
    (files / "faulty.tflite").write_bytes(with_clipped_layer(plain, data))
    paths = [str(files / name) for name in ("float.tflite", "faulty.tflite", "data.npz")]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert main(["doctor", *paths[:2], "--data", paths[2], "--budget", "8", "--samples", "50", "--json"]) == 0
    found = json.loads(said.getvalue())
    assert found["schema"] == 1
    assert {"layer", "cause", "evidence", "figures", "source", "remedy", "tried"} <= set(found["explanations"][0])
    return files, msgspec.convert(found, Diagnosis, strict=False)


def test_the_lines_it_prints_build_what_it_measured(faulty, tmp_path):
    """Pasted into a file, they are a suite; the variant built from it is as good as the remedy was."""
    folder, found = faulty
    assert found.loss > 0.02
    assert (found.guilty, found.cause) == ("first", "clipped_range")
    assert found.recovered >= 0.8
    path = folder / "mended.toml"
    path.write_text(found.suite_lines)
    suite, dataset = open_suite(str(path))
    variant = suite.variant("int8_mended")
    built = build_variants(suite, (variant,), dataset, Store(tmp_path / "store"))[variant.name]
    [scores] = run_bytes(built.path.read_bytes(), {"image": dataset.x_test}, ("image",))
    accuracy = float(np.mean(scores.argmax(axis=1) == dataset.y_test))
    best = next(one for one in found.remedies if one.name == found.best)
    assert accuracy == pytest.approx(best.value)


def test_every_figure_of_the_text_is_of_the_diagnosis(faulty):
    _, found = faulty
    text = diagnosis_text(found)
    assert f"{found.plain.value:.4f} in float, {found.quantized.value:.4f} quantized" in text
    assert "Why\n- first: values are clipped." in text
    assert found.suite_lines.splitlines()[-1] in text
    assert max(map(len, text.splitlines())) <= 140


def test_without_labels_files_are_compared_with_the_float_one(files, tmp_path, data):
    np.savez(tmp_path / "x.npz", x=data.x_test)
    found = diagnose(files / "float.tflite", files / "faulty.tflite", tmp_path / "x.npz", budget=1, samples=5)
    assert found.metric == "agreement with the float file"
    assert found.plain.value == 1
    assert found.quantized.value < 1
    assert any("no labels" in note for note in found.notes)


@pytest.mark.parametrize("samples", [12, 200])
def test_a_loss_of_a_few_samples_may_be_chance_and_is_said_so(files, faulty, samples):
    """Five lost and none gained have a p-value of 0.0625 by the exact McNemar test; six have 0.03."""
    paths = files / "float.tflite", files / "faulty.tflite", files / "data.npz"
    found = diagnose(*paths, budget=1, samples=5, test_samples=samples)
    assert (0 < round(found.loss * found.test_samples) <= 5) == any("may be chance" in note for note in found.notes)
    assert any("may be chance" in note for note in found.notes) == (samples == 12)


def test_of_weights_alone_it_says_that_no_range_is_to_blame(files, plain, data, tmp_path):
    (tmp_path / "dynamic.tflite").write_bytes(nets.int8(plain, data.x_train, mode="dynamic_range"))
    found = diagnose(files / "float.tflite", tmp_path / "dynamic.tflite", files / "data.npz", budget=1, samples=5)
    assert any("only weights are quantized" in note for note in found.notes)
    assert {error.output for error in found.layers} == {"float32"}


def test_two_files_need_no_tensorflow_and_a_healthy_one_has_little_to_mend(files):
    code = "import json, sys; from optkit import diagnose; found = diagnose(*sys.argv[1:4], budget=1, samples=10); "
    code += "heavy = [x for x in sys.modules if x.split('.')[0] in ('tensorflow', 'tf_keras', 'keras')]; "
    code += "print(json.dumps([heavy, found.loss, found.recipe['mode'], found.recipe_known]))"
    paths = [str(files / name) for name in ("float.tflite", "int8.tflite", "data.npz")]
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True)
    heavy, loss, mode, known = json.loads(done.stdout)
    assert (heavy, mode, known) == ([], "int8", False)
    assert loss < 0.02


@pytest.mark.parametrize(
    ("first", "second", "given", "message"),
    [
        ("float", "float", "data.npz", "is not quantized"),
        ("int8", "float", "data.npz", "the first file, is quantized"),
        ("other", "int8", "data.npz", "do not belong together"),
        ("float", "damaged", "data.npz", "is damaged"),
        ("float", "crash", "data.npz", "not quantized"),
        ("float", "gone", "data.npz", "cannot be read"),
        ("float", "int8", None, "name them with --data"),
        ("float", "int8", "gone.npz", "there is no file"),
        ("float", "int8", "small.npz", "and the model takes"),
        ("float", "int8", "empty.npz", "is empty"),
        ("float", None, "data.npz", "one .tflite file is given"),
        ("notes.txt", "int8", "data.npz", "is no .tflite file"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(files, tmp_path, capsys, first, second, given, message):
    (tmp_path / "other.tflite").write_bytes(pack(dense_model()))
    (tmp_path / "crash.tflite").write_bytes(pack(crashing_model()))
    (tmp_path / "damaged.tflite").write_bytes((files / "int8.tflite").read_bytes()[:-300])
    (tmp_path / "notes.txt").write_text("notes")
    np.savez(tmp_path / "small.npz", x=np.zeros((9, 4, 4, 3), np.float32), y=np.zeros(9, np.int64))
    np.savez(tmp_path / "empty.npz", x=np.zeros((0, 8, 8, 3), np.float32), y=np.zeros(0, np.int64))

    def place(name):
        name = name if "." in name else f"{name}.tflite"
        return str(files / name if (files / name).exists() else tmp_path / name)

    arguments = ["doctor", *(place(name) for name in (first, second) if name), "--budget", "1"]
    assert main([*arguments, *(["--data", place(given)] if given else [])]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert message in err


def test_the_suite_of_the_docs_is_diagnosed_and_its_lines_are_what_was_built(
    built_store, tiny_data, tiny_suite, tmp_path, monkeypatch, capsys
):
    """The float twin is built from the same Keras model; the lines, pasted, name the variant that was measured."""
    monkeypatch.setenv("OPTKIT_DATA", str(tiny_data))
    [text] = [block for block in blocks("docs/doctor.md", "toml") if 'name = "hasty"' in block]
    path = tmp_path / "hasty.toml"
    store = Store(shutil.copytree(built_store, tmp_path / "store"))
    path.write_text(text.replace('extends = "mnist"', f'extends = "{tiny_suite}"'))
    arguments = [str(path), "--variant", "hasty", "--store", store.place, "--budget", "4", "--json"]
    assert main(["doctor", *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["recipe"] == {"mode": "int8", "calibration_samples": 1}
    assert found["recipe_known"]
    suite, dataset = open_suite(str(path))
    built = find_variants(suite, (suite.variant("hasty"),), dataset, store)
    assert found["quantized_file"] == str(built["hasty"].path)
    assert {layer["weights"] for layer in found["layers"]} >= {"int8"}
    if found["best"]:
        path.write_text(f"{path.read_text()}\n{found['suite_lines']}\n")
        mended = load_suite(str(path)).variant("hasty_mended")
        assert find_variants(open_suite(str(path))[0], (mended,), dataset, store)


@pytest.mark.parametrize(("variant", "message"), [("baseline", "a Keras file"), ("int9", "did you mean 'int8'")])
def test_a_variant_that_is_not_quantized_is_refused(tiny_suite, tiny_data, monkeypatch, capsys, variant, message):
    monkeypatch.setenv("OPTKIT_DATA", str(tiny_data))
    assert main(["doctor", str(tiny_suite), "--variant", variant]) == 2
    assert message in capsys.readouterr().err


def test_errors_are_artifact_errors_in_python(files):
    with pytest.raises(ArtifactError, match="is not quantized"):
        diagnose(files / "float.tflite", files / "float.tflite", files / "data.npz")
