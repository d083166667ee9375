"""A suite file is read from the disk once and parsed once, however often it is asked for a suite."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optkit import SuiteError, load_suite, open_suite
from optkit.suites import document, extends, read_suite_file
from tests.conftest import SUITE


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], list[Any]]:
    """Count the calls of a function of a module: returns the list that the first argument of each is added to."""

    def count(module: Any, name: str) -> list[Any]:
        calls: list[Any] = []
        real = getattr(module, name)

        def call(*given: Any) -> Any:
            calls.append(given[0])
            return real(*given)

        monkeypatch.setattr(module, name, call)
        return calls

    return count


def test_a_suite_is_opened_with_one_reading_of_its_file(counted: Callable[[Any, str], list[Any]]) -> None:
    """Catches the file being read for the variants, for the data, and again for the suite on that data."""
    files = counted(extends, "read_toml_text")
    suite, data = open_suite("mnist", "embedded", variants=("int8",))
    assert [path.name for path in files] == ["mnist.toml"]
    assert suite == load_suite("mnist", on=data.name)


def test_each_way_to_read_a_file_is_parsed_once(counted: Callable[[Any, str], list[Any]]) -> None:
    """Of `hosted`, four profiles with and without the overrides for ImageNet; 12 suites can be asked for."""
    files, ways = counted(extends, "read_toml_text"), counted(document, "read_variants")
    file = read_suite_file("hosted")
    profiles = file.on().profiles
    for _ in range(2):
        found = {(data, profile): file.on(data, profile) for data in (None, *file.data) for profile in profiles}
    assert len(found) == 12
    assert len(files) == 1
    assert len(ways) == 8
    imagenet, plain = found["imagenet", "mobilenet_v2"], found["imagenet-unlabelled", "mobilenet_v2"]
    assert imagenet.workload.network.params["weights"] == "imagenet"
    assert "weights" not in plain.workload.network.params
    assert plain == found[None, "mobilenet_v2"]


def test_what_was_read_outlives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(SUITE.replace("max = 0.5", "max = 0.5\non.mnist-embedded = { max = 0.9 }"))
    file = read_suite_file(str(path), allowed=("mine",))
    path.unlink()
    assert [file.on(data).gates[0].max for data in ("mnist", "mnist-embedded", None)] == [0.5, 0.9, 0.5]
    assert (file.on().path, file.on().allowed) == (path, ("mine",))
    other = file.with_data("fashion_mnist").on()
    assert other.workload.dataset.name == "fashion_mnist"


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda file: file.on("mnits"), "data set 'mnits' is not of this suite; did you mean 'mnist'"),
        (lambda file: file.on(profile="quick"), "there is no profile 'quick'; it has no profiles"),
        (lambda file: file.with_data("mnits"), "there is no data set 'mnits'"),
    ],
)
def test_an_error_begins_with_the_files_name_once(ask: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(SuiteError) as caught:
        ask(read_suite_file("mnist"))
    assert str(caught.value).startswith(f"mnist.toml: {message}")
