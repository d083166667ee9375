"""This repository as a user of optkit's pytest plugin; its short options are in `fixtures/options.py`."""

from pathlib import Path

import pytest

pytest_plugins = ["optkit.plugin.entry", "fixtures.options"]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Under --benchmark-only leave tests/ out: it holds no benchmark, and importing it all takes seconds."""
    in_tests = collection_path.is_relative_to(config.rootpath / "tests")
    return True if in_tests and config.getoption("benchmark_only", False) else None
