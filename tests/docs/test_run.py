"""The commands and the Python of README and the guides work as they are typed, in the order of the page.

In place of the reader's model and data stand small files of docs/examples. What would take minutes is made quick: a
benchmark takes two rounds on one thread, a comparison three seconds.
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optkit.cli import main
from optkit.record import sessions
from tests.docs.pages import blocks, lines
from tests.isolation import ROOT

EXAMPLES = ROOT / "docs" / "examples"
TFLITE = (EXAMPLES / "tflite_only" / "waves.tflite", EXAMPLES / "tflite_only" / "waves.npz")
KERAS = (EXAMPLES / "tabular_regression" / "prices.keras", EXAMPLES / "tabular_regression" / "prices.npz")
TORCH = (EXAMPLES / "from_pytorch" / "shapes.tflite", EXAMPLES / "from_pytorch" / "shapes.npz")

QUICK = {
    "optkit bench": ("--threads=1", "--pytest=--benchmark-max-time=0.01 --benchmark-min-rounds=2"),
    "optkit ab": ("--budget=3",),
    "pytest": ("--optkit-threads=1", "--benchmark-max-time=0.01", "--benchmark-min-rounds=2", "-q"),
}
LONG = re.compile(
    r"^optkit (build|bench) (mnist|hosted)|--sessions|--allow|store-a|head\.json --margin|^pytest benchmarks"
)
"""Of a built-in suite, several sessions, or code and stores that a reader has: only parsed, in test_snippets.py."""
CODES = {"optkit ab": (0, 3), "optkit compare": (0, 3), "optkit gate": (0, 1), "optkit bench": (0, 1), "pytest": (0, 1)}
"""What a verdict may be: it depends on the machine. Anything else must end with 0."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def run_file(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved run of the small .tflite, for pages that begin with one."""
    folder = tmp_path_factory.mktemp("run")
    lay(folder, *TFLITE)
    for command in ("optkit init model.tflite data.npz", "optkit bench model.toml -o run.json"):
        run(command, folder, store)
    return folder / "run.json"


def lay(folder: Path, model: Path, data: Path, saved: Path | None = None) -> None:
    """Give the reader's folder a model, its data, an image, files to compare, and what was `saved` of a run."""
    for path in (model, data):
        shutil.copy(path, folder)  # under its own name, too
    shutil.copy(model, folder / f"model{model.suffix}")
    shutil.copy(data, folder / "data.npz")
    for name in ("base.tflite", "head.tflite", "int8.tflite"):
        shutil.copy(TFLITE[0], folder / name)
    for name in ("base.json", "head.json", ".benchmarks/Linux/0001_run.json") if saved else ():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(str(saved), folder / name)


def run(command: str, folder: Path, store: Path) -> str:
    """Run a command line in `folder`, made quick, as a reader's shell would; return what it printed."""
    words = shlex.split(command)
    program = " ".join(words[:2]) if words[0] == "optkit" else words[0]
    allowed = CODES.get(program, (0,))
    if program not in QUICK:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.setenv("OPTKIT_STORE", str(store))
            assert main(words[1:]) in allowed, command
        return ""
    module = ["-m", "pytest", "-p", "optkit.plugin.entry"] if words[0] == "pytest" else ["-m", "optkit"]
    done = subprocess.run(
        [sys.executable, *module, *words[1:], *QUICK[program]],
        cwd=folder,
        env={**sessions.environment(), "PYTHONPATH": str(ROOT), "OPTKIT_STORE": str(store)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode in allowed, f"{command}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("page", "files", "least"),
    [
        ("README.md", TFLITE, 8),
        ("docs/start.md", TFLITE, 5),
        ("docs/plugin.md", TFLITE, 5),
        ("docs/accuracy.md", TFLITE, 1),
        ("docs/verdicts.md", TFLITE, 1),
        ("docs/history.md", TFLITE, 3),
        ("docs/pytorch.md", TORCH, 2),
        ("docs/keras3.md", TFLITE, 2),
    ],
)
def test_the_commands_of_a_page(
    page: str, files: tuple[Path, Path], least: int, tmp_path: Path, store: Path, run_file: Path
) -> None:
    lay(tmp_path, *files, run_file)
    typed = [line for line in lines(page, "optkit", "pytest") if not LONG.search(line)]
    assert len(typed) >= least
    for command in typed:
        given = command.replace("model.keras", "model.tflite")
        if "model.toml" in given and "init" not in given and not (tmp_path / "model.toml").exists():
            run("optkit init model.tflite data.npz", tmp_path, store)
        if given.startswith("optkit run"):
            given = f"{given.replace('model.tflite', str(TORCH[0]))}"
            picture(tmp_path / "digit.png")
        run(given, tmp_path, store)


def picture(path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    image.fromarray(np.random.default_rng(1).integers(0, 255, (28, 28, 3), np.uint8)).save(path)


def arrays(data: Path) -> dict[str, Any]:
    with np.load(data) as found:
        return dict(found)


TRAINED = {'"pruned_int8"': '"dynamic_range"', '[optkit.Prune(0.8), "int8"]': '"dynamic_range"', ".keras": ".tflite"}
"""What trains, and what takes its place here: training is tried in tests/techniques and in docs/examples."""


@pytest.mark.parametrize("page", ["README.md", "docs/python.md", "docs/own-model.md", "docs/own-data.md"])
def test_the_python_of_a_page(
    page: str, tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPTKIT_STORE", str(store))
    monkeypatch.chdir(tmp_path)
    lay(tmp_path, *TFLITE)
    code = "\n".join(blocks(page, "python"))
    for old, new in TRAINED.items():
        code = code.replace(old, new)
    data = arrays(TFLITE[1])
    names: dict[str, Any] = {**data, "x": data["x_test"]}
    exec(compile(code, page, "exec"), names)
    if page == "docs/own-data.md":
        assert set(arrays(tmp_path / "own.npz")) == {"x_train", "y_train", "x_test", "y_test"}
    elif page == "docs/own-model.md":
        assert (tmp_path / "int8.tflite").stat().st_size < TFLITE[0].stat().st_size
    else:
        assert "int8" in capsys.readouterr().out
        assert names["study"].best(max_file_bytes=100_000) is not None


def test_the_python_of_the_guide_to_keras_3(tmp_path: Path) -> None:
    lay(tmp_path, *KERAS)
    (code,) = blocks("docs/keras3.md", "python")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**sessions.environment(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("keras3\n")
    assert (tmp_path / "float.tflite").stat().st_size > 1000


def test_the_tests_of_the_guide_to_pytest(tmp_path: Path, store: Path) -> None:
    lay(tmp_path, *TFLITE)
    run("optkit init model.tflite data.npz", tmp_path, store)
    (code,) = blocks("docs/plugin.md", "python")
    head = 'import numpy as np\n\nx = np.load("data.npz")["x_test"][:4]\n\n\n'
    (tmp_path / "test_mine.py").write_text(head + code)
    assert "2 passed" in run("pytest test_mine.py", tmp_path, store)


def test_the_conversion_of_the_guide_to_pytorch_is_that_of_the_example() -> None:
    """PyTorch is not here: docs/examples/from_pytorch/make.py was run with it, and its files are kept."""
    script = (EXAMPLES / "from_pytorch" / "make.py").read_text()
    code = [line for block in blocks("docs/pytorch.md", "python") for line in block.splitlines()]
    typed = [line.strip() for line in code if re.search(r"litert_torch|torch\.onnx|torch\.zeros", line)]
    assert len(typed) >= 4
    for line in typed:
        assert line in script, line
