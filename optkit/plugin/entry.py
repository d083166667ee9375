"""What pytest loads in every session: options, suite files as test files, and the names of the fixtures.

Law: nothing but pytest and the standard library is imported here. A repository that does not use optkit pays for no
more, and sees no output.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from optkit.plugin.options import add_options

if TYPE_CHECKING:
    from optkit.plugin.bench import Bench

_PROGRESS = "OPTKIT_PROGRESS_FILE"
"""As `optkit.record.sessions.PROGRESS`: the file in which a session says how far it is."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --optkit-suite, --optkit-data and the others."""
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Where a suite file was named, have pytest-benchmark save every round, and time with garbage collection off."""
    if named_files(config):
        config.option.benchmark_save_data = True
        config.option.benchmark_disable_gc = True


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a suite file that was named, on the command line or in `testpaths`. Any other .toml is left alone."""
    if file_path.suffix != ".toml" or file_path not in named_files(parent.config):
        return None
    from optkit.plugin.files import suite_module

    return suite_module(file_path, parent)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each benchmark its case, each gate test its gate, and each test of a target its variant and target."""
    if {"optkit_case", "optkit_gate", "optkit_target"} & set(metafunc.fixturenames):
        from optkit.plugin.parametrize import parametrize

        parametrize(metafunc)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Judge after timing: gates go last, and then targets. A suite without targets has no test of one."""
    order = [_place(item) for item in items]
    if any(order):
        kept = [item for item, place in zip(items, order, strict=True) if place < _TARGET or _has_target(item)]
        items[:] = sorted(kept, key=_place)


_TARGET = 2


def _place(item: pytest.Item) -> int:
    names = getattr(item, "fixturenames", ())
    return _TARGET if "optkit_target" in names else int("optkit_gate" in names)


def _has_target(item: pytest.Item) -> bool:
    """Tell whether a test of a target was given one: pytest makes one test, to be skipped, of none."""
    target = item.callspec.params.get("optkit_target") if hasattr(item, "callspec") else None
    return hasattr(target, "gates")


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print one table of everything that was timed, for each suite."""
    if _used():
        from optkit.plugin.bench import summaries
        from optkit.report.terminal import painted

        for line in summaries(config):
            terminalreporter.write_line(painted(line) if terminalreporter.hasmarkup else line)


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Note when what is saved is no run of one suite."""
    if _used():
        from optkit.plugin.bench import note_mixed

        note_mixed(config, output_json["benchmarks"])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the processes that run Keras files."""
    if _used():
        from optkit.plugin.bench import close

        close(session.config)


def named_files(config: pytest.Config) -> set[Path]:
    """Return the .toml files that pytest was asked for by name: as named, since pytest follows no links either."""
    places = [arg.split("::")[0] for arg in config.args]
    return {Path(os.path.abspath(config.invocation_params.dir / p)) for p in places if p.endswith(".toml")}


def _used() -> bool:
    return "optkit.plugin.bench" in sys.modules


@pytest.fixture(scope="module")
def optkit_bench(request: pytest.FixtureRequest) -> Bench:
    """The suite, data, variants, threads and store of a suite file, or of --optkit-suite."""
    from optkit.plugin.bench import bench_of, ending

    with ending():
        found = bench_of(request.config, request.node)
    return found


@pytest.fixture
def optkit_time(
    optkit_case: Any, optkit_bench: Bench, benchmark: Any, request: pytest.FixtureRequest
) -> Callable[[], None]:
    """Time one case of a suite by pytest-benchmark, and keep its record."""
    from optkit.plugin.timing import time_case

    return lambda: time_case(optkit_case, optkit_bench, benchmark, request.config)


@pytest.fixture
def optkit_judge(optkit_variant: Any, optkit_gate: Any, optkit_bench: Bench) -> Callable[[], None]:
    """Hold one variant to one gate; fail with the figures, or skip when nothing was timed."""
    from optkit.plugin.judging import judge_gate

    return lambda: judge_gate(optkit_variant, optkit_gate, optkit_bench)


@pytest.fixture
def optkit_fit(optkit_variant: Any, optkit_target: Any, optkit_bench: Bench) -> Callable[[], None]:
    """Hold one variant to the limits of one target; fail with the figures."""
    from optkit.plugin.judging import judge_fit

    return lambda: judge_fit(optkit_variant, optkit_target, optkit_bench)


@pytest.fixture(scope="session")
def optkit_suite(request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """Build a suite when it is asked for, and give what is known of each variant: `optkit_suite("model.toml")["int8"]`.

    A path is relative to the folder that pytest was started in, or to its root.
    """
    from optkit.plugin.bench import built

    return lambda place: built(request.config, place)


@pytest.fixture
def optkit_benchmark(benchmark: Any, request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Time a .tflite file on samples: `optkit_benchmark("int8.tflite", x)`. `compare` and `history` read its record.

    More arguments: `threads` (1), the `name` of the record (the file's), and its `suite` (the test module's name).
    """
    from optkit.plugin.alone import Call, benchmark_alone

    def time(path: str | Path, x: Any, threads: int = 1, *, name: str = "", suite: str = "") -> Any:
        file, module = Path(path), request.path.stem
        call = Call(path=file, x=x, threads=threads, name=name or file.stem, suite=suite or module)
        return benchmark_alone(call, benchmark, request)

    return time


def pytest_collection_finish(session: pytest.Session) -> None:
    """Say how many benchmarks there are, where `optkit bench` shows how far its sessions are."""
    if _PROGRESS in os.environ:
        _say(f"{sum(map(_is_case, session.items))}\n")


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Say that one more benchmark is done, where it is shown."""
    if _PROGRESS in os.environ and _is_case(item):
        _say("done\n")


def _is_case(item: pytest.Item) -> bool:
    return "optkit_case" in getattr(item, "fixturenames", ())


def _say(line: str) -> None:
    with suppress(OSError), open(os.environ[_PROGRESS], "a") as file:
        file.write(line)
