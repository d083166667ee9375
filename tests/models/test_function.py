"""A model that a function returns: called once, called again when anything it was made of changed, or refused."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import optkit
from optkit.build.stages import stages
from optkit.cli import main
from optkit.errors import BuildError, OptkitError
from optkit.files.functions import UserFunction
from optkit.keras.own import model_kind, open_model
from optkit.models import function, function_worker
from optkit.models.function import function_file

SOURCE = """
from pathlib import Path

import keras
import numpy as np
import tf_keras

from own_nets.parts import WIDTH

HERE = Path(__file__).parent


@keras.saving.register_keras_serializable(package="own_nets")
class Doubled(keras.layers.Layer):
    def call(self, x):
        return x * 2.0


def build():
    with (HERE / "called").open("a") as file:
        file.write("once\\n")
    model = keras.Sequential(
        [keras.Input((6,), name="x"), keras.layers.Dense(WIDTH, activation="relu"), keras.layers.Dense(3)]
    )
    model.layers[-1].set_weights([np.load(HERE / "kernel.npy"), np.zeros(3)])
    return model


def older():
    return tf_keras.Sequential([tf_keras.layers.InputLayer((6,), name="x"), tf_keras.layers.Dense(3, name="d")])


def own_layer():
    return keras.Sequential([keras.Input((6,)), Doubled()])


def unbuilt():
    return keras.Sequential([keras.layers.Dense(3)])


def other():
    return {"model": 3}


def fails():
    raise RuntimeError("no weights here")


def wants(units, depth=2):
    return None
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with the package `own_nets`; nothing of it stays imported."""
    package = tmp_path / "own_nets"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "parts.py").write_text("WIDTH = 8\n")
    (package / "nets.py").write_text(SOURCE)
    np.save(package / "kernel.npy", np.ones((8, 3), np.float32))
    yield tmp_path
    assert str(tmp_path) not in sys.path
    for name in [name for name in sys.modules if name.split(".")[0] == "own_nets"]:
        del sys.modules[name]


def called(folder: Path) -> int:
    return len((folder / "own_nets" / "called").read_text().splitlines())


@pytest.mark.slow
def test_it_is_called_once_while_nothing_changes_that_it_was_made_of(folder: Path) -> None:
    def file() -> Path:
        return function_file("own_nets.nets:build", ("own_nets",), folder, folder / "store")

    path = file()
    assert model_kind(path) == "keras3"
    assert open_model(path).get_weights()[2].tolist() == [[1.0] * 3] * 8
    assert (file(), called(folder)) == (path, 1)
    read = json.loads((path.parent / "about.json").read_bytes())["read"]
    assert {Path(name).name for name in read} >= {"nets.py", "parts.py", "kernel.npy", "__init__.py"}
    assert not any("site-packages" in name for name in read), "what is installed is in the key by its version"
    package = folder / "own_nets"
    for changed in (
        package / "nets.py",
        package / "parts.py",
        package / "kernel.npy",
        path,
        path.parent / "about.json",
    ):
        before = changed.read_bytes()
        changed.write_bytes(before[:-1] + b"#")
        assert function._kept(path.parent) is None, f"{changed.name} is another, and the function is called again"
        changed.write_bytes(before)
    assert function._kept(path.parent) == path


def test_the_same_model_is_kept_as_the_same_bytes(folder: Path) -> None:
    first = made(folder, "build").read_bytes()
    assert made(folder, "build").read_bytes() == first


def test_nothing_is_called_that_was_not_allowed(folder: Path) -> None:
    with pytest.raises(OptkitError, match=r"--allow own_nets"):
        function_file("own_nets.nets:build", (), folder, folder / "store")
    assert not (folder / "own_nets" / "called").exists()
    assert not (folder / "store").exists()


def made(folder: Path, name: str) -> Path:
    """Do what the worker does, in this process, without watching what is read."""
    text = f"own_nets.nets:{name}"
    model = function_worker.returned(text, ["own_nets"], folder, 1)
    (folder / "to").mkdir(exist_ok=True)
    return function_worker.save_returned(text, model, folder / "to")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("biuld", r"own_nets\.nets:biuld: there is no 'biuld' in .*nets\.py"),
        ("wants", r"own_nets\.nets:wants needs the arguments units; give a function that takes none"),
        ("fails", r"own_nets\.nets:fails raised RuntimeError: no weights here; mend the function"),
        ("other", r"own_nets\.nets:other returned a value of type dict; expected a Keras model"),
        ("unbuilt", r"returned a Sequential whose layers and inputs cannot be listed; .* begins with an Input"),
    ],
)
def test_what_is_no_model_is_one_line(folder: Path, name: str, message: str) -> None:
    with pytest.raises(OptkitError, match=message):
        made(folder, name)


def test_a_tf_keras_model_is_kept_as_one(folder: Path) -> None:
    path = made(folder, "older")
    assert model_kind(path) == "keras2"
    assert open_model(path).get_layer("d").units == 3


def test_arguments_that_nobody_can_tell_are_left_to_the_call() -> None:
    function_worker._check_arguments(UserFunction("m:f", max, "0"))  # builtins may have no signature
    function_worker._check_arguments(UserFunction("m:f", lambda a=1, *more, **named: 0, "0"))


def test_a_process_that_dies_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, module_of: Callable[[str], str]
) -> None:
    dies = module_of("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    monkeypatch.setattr(function, "_WORKER", dies)
    with pytest.raises(OptkitError, match=r"the process that calls own_nets\.nets:build was killed by SIGKILL"):
        function_file("own_nets.nets:build", ("own_nets",), folder, folder / "store")
    assert [path.name for path in (folder / "store" / "functions").iterdir() if path.is_dir()] == []


SUITE = """
schema = 2
name = "own"
model = "own_nets.nets:build"
data = "data.npz"
variants = ["dynamic_range", "pruned_int8"]
training = { epochs = 1 }
"""


@pytest.mark.slow
def test_a_suite_with_a_function_is_begun_opened_and_built(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 6)).astype(np.float32), rng.integers(0, 3, 60)
    np.savez(folder / "data.npz", x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:])
    store = ["--store", "kept"]
    assert main(["init", "own_nets.nets:build", "data.npz", "--allow", "own_nets", *store]) == 0
    said = capsys.readouterr().out
    assert "model own_nets.nets:build: inputs x (6,); output (3,)" in said
    assert "next: optkit bench build.toml --allow own_nets" in said
    assert 'model = "own_nets.nets:build"' in (folder / "build.toml").read_text()
    (folder / "own.toml").write_text(SUITE)
    assert main(["build", "own.toml", *store]) == 2
    assert "--allow own_nets" in capsys.readouterr().err
    assert main(["build", "own.toml", "--allow", "own_nets", "--json", *store]) == 0
    built = {one["variant"]: one["path"] for one in json.loads(capsys.readouterr().out)["artifacts"]}
    assert set(built) == {"float32", "dynamic_range", "pruned_int8"}
    assert called(folder) == 1
    suite, dataset = optkit.open_suite("own.toml", allowed=("own_nets",), store=Path("kept"))
    before = {one.name: stages(suite, one, dataset.digest).key for one in suite.variants}
    (folder / "own_nets" / "nets.py").write_text(SOURCE.replace('activation="relu"', 'activation="tanh"'))
    suite, dataset = optkit.open_suite("own.toml", allowed=("own_nets",), store=Path("kept"))
    changed = {one.name: stages(suite, one, dataset.digest).key for one in suite.variants}
    assert not set(changed.values()) & set(before.values())
    assert optkit.find_variants(suite, suite.variants, dataset, optkit.Store(Path("kept"))) == {}


def test_a_suite_that_was_only_read_says_what_to_do(folder: Path) -> None:
    (folder / "own.toml").write_text(SUITE)
    suite = optkit.load_suite(str(folder / "own.toml"), allowed=("own_nets",))
    with pytest.raises(BuildError, match="was not called; open the suite with its data"):
        stages(suite, suite.variants[0], "data")
