"""The pytest side of optkit: its options are in `fixtures/options.py`, its fixtures beside it."""

from pathlib import Path

import pytest

pytest_plugins = ["fixtures.options", "fixtures.bench", "fixtures.artifacts", "fixtures.timing"]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Under --benchmark-only leave tests/ out: it holds no benchmark, and importing it all takes seconds."""
    in_tests = collection_path.is_relative_to(config.rootpath / "tests")
    return True if in_tests and config.getoption("benchmark_only", False) else None
