"""The laws of the layout: imports point one way, and importing optkit is cheap."""

import re
import subprocess
import sys
from fnmatch import fnmatch

import pytest

import optkit.judge
from tests.isolation import ROOT


def test_imports_point_one_way() -> None:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_no_file_is_too_long_to_be_read_at_once() -> None:
    files = [path for folder in ("optkit", "fixtures", "benchmarks", "tests") for path in (ROOT / folder).rglob("*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert len(lengths) > 500
    assert {name: lines for name, lines in lengths.items() if lines > 300} == {}


def test_pytest_looks_into_every_folder_with_tests(pytestconfig: pytest.Config) -> None:
    """Catches a folder of tests whose name pytest passes over by default, such as `build` or `dist`."""
    passed_over = pytestconfig.getini("norecursedirs")
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert len(folders) > 20
    parts = {part for folder in folders for part in folder.relative_to(ROOT).parts}
    assert [part for part in parts if any(fnmatch(part, pattern) for pattern in passed_over)] == []


def test_no_public_name_hides_a_module() -> None:
    """Catches `optkit.convert` that is a function for one importer and a package for the next."""
    modules = {path.stem for path in (ROOT / "optkit").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert set(vars(optkit)["__all__"]) & modules == set()


def test_the_guide_to_judging_names_each_of_its_modules() -> None:
    modules = {path.stem for path in (ROOT / "optkit" / "judge").glob("*.py")} - {"__init__"}
    assert modules <= set(re.findall(r"`(\w+)`", optkit.judge.__doc__ or ""))


def test_importing_optkit_imports_no_tensorflow_and_no_runtime() -> None:
    code = "import sys, optkit, optkit.cli; print([m for m in sys.modules if m.split('.')[0] in BANNED])"
    banned = "BANNED = ('tensorflow', 'tf_keras', 'keras', 'ai_edge_litert', 'pandas', 'h5py', 'pytest', 'scipy'); "
    done = subprocess.run([sys.executable, "-c", banned + code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
