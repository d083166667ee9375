"""A pytest session over the tiny suite, as a user runs it."""

from pathlib import Path

import pytest

from tests.conftest import Command
from tests.isolation import ROOT

QUICK = ("--benchmark-max-time=0.02", "--benchmark-min-rounds=2", "--benchmark-quiet", "-q", "-p", "no:cacheprovider")


BASE = ("pytest", f"--rootdir={ROOT}", "-c", str(ROOT / "pyproject.toml"), str(ROOT / "benchmarks"))


@pytest.fixture
def session(command: Command, tiny_suite: Path, built_store: Path):
    def run(*arguments: str, suite: Path = tiny_suite):
        return command(*BASE, *QUICK, "--suite", str(suite), "--store", str(built_store), *arguments)

    return run


@pytest.fixture
def lean_suite(tiny_suite: Path, tmp_path: Path) -> Path:
    """The suite over its float file: with .tflite variants alone no session starts TensorFlow."""
    suite = tmp_path / "lean.toml"
    suite.write_text('baseline = "float_tflite"\n' + tiny_suite.read_text())
    return suite
