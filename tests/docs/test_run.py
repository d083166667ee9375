"""The commands and the Python of README and the guides work as they are typed, in the order of the page.

In place of the reader's model and data stand small files of docs/examples. What would take minutes is made quick: a
benchmark takes two rounds on one thread, a comparison a second. A line that several pages have is run once.
"""

import functools
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import optkit
from optkit.cli import main
from optkit.record import sessions
from tests.docs.pages import blocks, lines
from tests.isolation import ROOT

COMPRESS = optkit.compress
EXAMPLES = ROOT / "docs" / "examples"
TFLITE = (EXAMPLES / "tflite_only" / "waves.tflite", EXAMPLES / "tflite_only" / "waves.npz")
PYTORCH = ROOT / "tests" / "fixtures" / "pytorch"
MNIST = ROOT / "docs" / "results" / "runs" / "mnist.json"

ROUNDS = ("--benchmark-max-time=0.005", "--benchmark-min-rounds=2", "--benchmark-warmup=off")
QUICK = {
    "optkit bench": ("--threads=1", "--variants=int8", f"--pytest={' '.join(ROUNDS)}"),
    "pytest": ("--optkit-threads=1", "--optkit-variants=int8", *ROUNDS, "-q", "-p", "no:cacheprovider"),
}
CODES = {
    "optkit compare": (0, 3),
    "optkit gate": (0, 1),
    "optkit bench": (0, 1),
    "pytest": (0, 1),
}
"""What a verdict may be: it depends on the machine. Anything else must end with 0."""
ELSEWHERE = {
    "optkit build mnist": "tests/test_cli.py",
    "optkit ab base": "tests/test_cli.py",
    "optkit tune": "tests/judge/test_tune.py",
    "optkit ab store-a": "tests/judge/test_pairs.py",
    "--allow my_layers": "tests/own",
    "pytest benchmarks": "benchmarks",
    "optkit doctor": "tests/doctor",
    "optkit search": "tests/search",
    "optkit report found": "tests/search/test_mattered.py",
    "--profile": "tests/inspect/test_profile.py",
    "--prefixes": "tests/inspect/test_profile.py",
    "optkit mnn": "tests/commands/test_mnn.py",
    "--runtime mnn": "tests/runtime/test_mnn.py",
    "tflite_micro": "tests/runtime/test_tflite_micro.py",
    "mnist_micro": "tests/suites/test_mnist_micro.py",
    "--target": "tests/judge/test_fits.py",
    "optkit store": "tests/build/test_entries.py",
    "--workers": "tests/build/test_workers.py",
    "--cluster": "tests/build/test_cluster.py",
}
"""What is not run here, and where it is: it trains, takes long, or needs what a reader has. Here it is parsed alone."""
PAGES = {
    "README.md": 8,
    "docs/index.md": 2,
    "docs/start.md": 5,
    "docs/plugin.md": 5,
    "docs/accuracy.md": 1,
    "docs/history.md": 3,
    "docs/keras3.md": 2,
    "docs/choose.md": 4,
    "docs/ci.md": 1,
    "docs/why-slow.md": 2,
    "docs/pytorch.md": 2,
    "docs/runtimes.md": 3,
    "docs/microcontrollers.md": 3,
}
"""The pages with commands that are run here, and how many."""


@dataclass
class Reader:
    """A reader's folder with a model, data and saved runs; the store; and what was typed already."""

    folder: Path
    store: Path
    typed: set[frozenset[str]] = field(default_factory=set)
    studies: list[optkit.Study] = field(default_factory=list)

    def lay(self, model: Path, data: Path) -> None:
        """Give the folder a model, its data, an image, and files to compare."""
        for path in (model, data):
            shutil.copy(path, self.folder)  # under its own name, too
        shutil.copy(data, self.folder / "data.npz")
        for name in ("model", "base", "head", "float", "int8"):
            shutil.copy(model, self.folder / f"{name}{model.suffix}")
        for name in ("base.json", "head.json", ".benchmarks/Linux/0001_run.json", ".benchmarks/Linux/0002_run.json"):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(MNIST, self.folder / name)

    def type(self, command: str) -> str:
        """Run a command line, made quick, as a shell would, unless it was run already; return what it printed."""
        words = shlex.split(command.replace("model.keras", "model.tflite"))
        program = " ".join(words[:2]) if words[0] == "optkit" else words[0]
        more = [word for word in QUICK.get(program, ()) if word.split("=")[0] not in command]
        whole = frozenset(re.split("[ =]", " ".join([*words, *more])))
        if whole in self.typed:
            return ""
        self.typed.add(whole)
        allowed = CODES.get(program, (0,))
        if program not in ("optkit bench", "pytest"):
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(self.folder)
                patch.setenv("OPTKIT_STORE", str(self.store))
                assert main([*words[1:], *more]) in allowed, command
            return ""
        module = ["-m", "pytest", "-p", "optkit.plugin.entry"] if words[0] == "pytest" else ["-m", "optkit"]
        done = subprocess.run(
            [sys.executable, *module, *words[1:], *more],
            cwd=self.folder,
            env={**sessions.environment(), "PYTHONPATH": str(ROOT), "OPTKIT_STORE": str(self.store)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode in allowed, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    found = Reader(tmp_path_factory.mktemp("reader"), tmp_path_factory.mktemp("store"))
    found.lay(*TFLITE)
    return found


def run_here(page: str) -> list[str]:
    found = lines(page, "optkit", "pytest")
    elsewhere = [*ELSEWHERE, *(["optkit bench"] if page == "docs/pytorch.md" else [])]  # tests/own/test_from_pytorch.py
    return [line for line in found if "…" not in line and not any(part in line for part in elsewhere)]


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page(page: str, reader: Reader, tmp_path: Path) -> None:
    typed = run_here(page)
    assert len(typed) == PAGES[page]
    if page == "docs/pytorch.md":
        reader = Reader(tmp_path, reader.store)
        reader.lay(PYTORCH / "shapes.tflite", PYTORCH / "shapes.npz")
        by_onnx(reader.folder)
    for command in typed:
        if command.startswith("optkit run"):
            shutil.copy(PYTORCH / "shapes.tflite", reader.folder / "images.tflite")
            picture(reader.folder / command.split()[3])
            command = command.replace("model.tflite", "images.tflite")
        elif " init " not in command and page != "docs/pytorch.md":  # a page may begin with what another one made
            reader.type("optkit init model.tflite data.npz")
            if "run.json" in command and "-o run.json" not in command:
                reader.type("optkit bench model.toml -o run.json")
        reader.type(command)


def by_onnx(folder: Path) -> None:
    """Lay what onnx2tf made, and the data as the guide's Python saves them for it."""
    (folder / "saved_model").mkdir()
    shutil.copy(PYTORCH / "shapes_onnx2tf.tflite", folder / "saved_model" / "shapes_float32.tflite")
    (code,) = [block for block in blocks("docs/pytorch.md", "python") if "shapes_last" in block]
    with np.load(PYTORCH / "shapes.npz") as data, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(compile(code, "docs/pytorch.md", "exec"), {"np": np, **data})


def test_no_page_with_commands_is_left_out() -> None:
    """Catches a guide that was added, and whose commands nobody has typed."""
    pages = [path.relative_to(ROOT).as_posix() for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))]
    assert {page for page in pages if run_here(page)} == set(PAGES)
    assert [place for place in ELSEWHERE.values() if not (ROOT / place).exists()] == []


def picture(path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    image.fromarray(np.random.default_rng(1).integers(0, 255, (28, 28, 3), np.uint8)).save(path)


TRAINED = {'"pruned_int8"': '"dynamic_range"', '[optkit.Prune(0.8), "int8"]': '"dynamic_range"', ".keras": ".tflite"}
"""What trains, and what takes its place here: training is tried in tests/techniques and in docs/examples."""


SHORT = {'"head.tflite")': '"head.tflite", seconds=1)', '"single_batch")': '"single_batch", seconds=1)'}
"""What may take a minute, and the seconds it has here."""


def compressed_once(reader: Reader, *arguments: Any, **options: Any) -> optkit.Study:
    """Call `optkit.compress`, or return what it gave to the page before, which asks for the same."""
    if not reader.studies:
        reader.studies.append(COMPRESS(*arguments, **options))
    assert options["variants"] == ["int8", "dynamic_range"]
    return reader.studies[0]


@pytest.mark.parametrize("page", ["README.md", "docs/python.md", "docs/own-model.md", "docs/own-data.md"])
def test_the_python_of_a_page(
    page: str, tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPTKIT_STORE", str(reader.store))
    monkeypatch.chdir(tmp_path)
    Reader(tmp_path, reader.store).lay(*TFLITE)
    monkeypatch.setattr(optkit, "compress", functools.partial(compressed_once, reader))
    code = "\n".join(blocks(page, "python"))
    for old, new in (TRAINED | SHORT).items():
        code = code.replace(old, new)
    with np.load(TFLITE[1]) as data:
        names: dict[str, Any] = {**data, "x": data["x_test"]}
    exec(compile(code, page, "exec"), names)
    if page == "docs/own-data.md":
        with np.load(tmp_path / "own.npz") as found:
            assert set(found) == {"x_train", "y_train", "x_test", "y_test"}
    elif page == "docs/own-model.md":
        assert (tmp_path / "int8.tflite").stat().st_size < TFLITE[0].stat().st_size
    else:
        assert "int8" in capsys.readouterr().out
        assert names["study"].best(max_file_bytes=100_000) is not None


def test_the_tests_of_the_guide_to_pytest(reader: Reader) -> None:
    reader.type("optkit init model.tflite data.npz")
    (code,) = blocks("docs/plugin.md", "python")
    head = 'import numpy as np\n\nx = np.load("data.npz")["x_test"][:4]\n\n\n'
    (reader.folder / "test_mine.py").write_text(head + code)
    assert "2 passed" in reader.type("pytest test_mine.py")


def test_the_conversion_of_the_guide_to_pytorch_is_that_of_the_example() -> None:
    """PyTorch is not here: the scripts of tests/fixtures/pytorch were run with it, and their files are kept."""
    script = "".join((PYTORCH / f"{name}.py").read_text() for name in ("make", "make_onnx"))
    code = [line for block in blocks("docs/pytorch.md", "python") for line in block.splitlines()]
    typed = [line.strip() for line in code if re.search(r"litert_torch|torch\.zeros|torch\.onnx", line)]
    assert len(typed) >= 5
    for line in typed:
        assert line in script, line
