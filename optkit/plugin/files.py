"""Suite files as test files: one benchmark a variant, mode and thread count, and one test a gate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from optkit.errors import OptkitError
from optkit.suites.form import read_toml


def is_suite_file(path: Path) -> bool:
    """Tell whether a .toml file is a suite: it has a schema, a name, and variants or a suite that it extends."""
    try:
        document = read_toml(path)
    except OptkitError:
        return False
    has = isinstance(document.get("schema"), int) and isinstance(document.get("name"), str)
    return has and isinstance(document.get("variants", {} if "extends" in document else None), (Mapping, list))


def suite_module(path: Path, parent: pytest.Collector) -> pytest.Collector:
    """Return the collector of the suite file at `path`."""
    module: pytest.Collector = SuiteModule.from_parent(parent, path=path)
    return module


class SuiteModule(pytest.Module):
    """A suite file. Its tests are `time` and `gate`, given the cases and gates of the suite."""

    def _getobj(self) -> Any:
        def time(optkit_time: Any) -> None:
            optkit_time()

        def gate(optkit_judge: Any) -> None:
            optkit_judge()

        for function in (time, gate):
            function.__module__ = self.path.stem
            function.__qualname__ = function.__name__
        return SimpleNamespace(time=time, gate=gate, __name__=self.path.stem, __file__=str(self.path))

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """Collect the cases and gates. What is wrong with the file is one line, with no traceback."""
        from optkit.plugin.bench import bench_of

        try:
            bench_of(self.config, self)
        except pytest.exit.Exception as error:
            raise self.CollectError(str(error.msg)) from None
        return super().collect()

    def funcnamefilter(self, name: str) -> bool:
        """Take `time` and `gate`, whatever the names of tests are here."""
        return name in ("time", "gate")

    def classnamefilter(self, name: str) -> bool:
        """Take no classes."""
        return False
