"""Suite files as test files: a benchmark for each variant, mode and thread count; a test for each gate and target."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from optkit.errors import OptkitError


def suite_module(path: Path, parent: pytest.Collector) -> pytest.Collector:
    """Return the collector of the suite file at `path`."""
    module: pytest.Collector = SuiteModule.from_parent(parent, path=path)
    return module


class SuiteModule(pytest.Module):
    """A suite file. Its tests are `time`, `gate` and `fits`, given the cases, gates and targets of the suite."""

    def _getobj(self) -> Any:
        def time(optkit_time: Any) -> None:
            optkit_time()

        def gate(optkit_judge: Any) -> None:
            optkit_judge()

        def fits(optkit_fit: Any) -> None:
            optkit_fit()

        for function in (time, gate, fits):
            function.__module__ = self.path.stem
            function.__qualname__ = function.__name__
        return SimpleNamespace(time=time, gate=gate, fits=fits, __name__=self.path.stem, __file__=str(self.path))

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """Return the tests. What is wrong with the suite is told in one line."""
        from optkit.plugin.bench import bench_of

        try:
            bench_of(self.config, self)
        except OptkitError as error:
            raise self.CollectError(f"optkit: error: {error}") from error
        return super().collect()

    def funcnamefilter(self, name: str) -> bool:
        """Take `time`, `gate` and `fits`, whatever the names of tests are here."""
        return name in ("time", "gate", "fits")

    def classnamefilter(self, name: str) -> bool:
        """Take no classes."""
        return False
