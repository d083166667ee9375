"""A function of the user's is imported only when it was allowed, and its digest is that of its source."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from optkit import OptkitError
from optkit.files.configuration import allowed_packages, configuration_file
from optkit.files.functions import is_function, load_function

SOURCE = """
from pathlib import Path

Path(__file__).with_name("ran").touch()
not_called = 3
total = sum


class Made:
    def __call__(self):
        return 7

    def again(self):
        return 8


made = Made()


def seven():
    return 7


def fails():
    raise KeyError("colour")


def leaves():
    raise SystemExit(5)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with the package `own_code`, which notes that it was imported, and no trace of it afterwards."""
    before = list(sys.path)
    package = tmp_path / "own_code"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "load.py").write_text(SOURCE)
    (package / "broken.py").write_text("1 / 0")
    (package / "wants.py").write_text("import no_such_library_anywhere")
    (package / "quits.py").write_text("raise SystemExit(3)")
    yield tmp_path
    assert sys.path == before
    for name in [name for name in sys.modules if name.split(".")[0] == "own_code"]:
        del sys.modules[name]


@pytest.mark.parametrize("allowed", [(), ("own",), ("own_code.other",), ("own_codes",), ("own_code.loa",)])
def test_nothing_is_imported_that_was_not_allowed(folder: Path, allowed: tuple[str, ...]) -> None:
    with pytest.raises(OptkitError) as caught:
        load_function("own_code.load:seven", allowed, folder)
    assert "--allow own_code" in str(caught.value)
    assert str(configuration_file()) in str(caught.value)
    assert not (folder / "own_code" / "ran").exists()
    assert "own_code" not in sys.modules


@pytest.mark.parametrize("allowed", [("own_code",), ("other", "own_code.load")])
def test_what_is_allowed_is_imported_from_the_folder_and_called(folder: Path, allowed: tuple[str, ...]) -> None:
    function = load_function("own_code.load:seven", allowed, folder)
    assert (function(), (folder / "own_code" / "ran").exists()) == (7, True)
    assert load_function("own_code.load:made", allowed, folder)() == 7
    assert load_function("own_code.load:made.again", allowed, folder)() == 8


def test_the_digest_is_that_of_the_source_file(folder: Path) -> None:
    before = load_function("own_code.load:seven", ("own_code",), folder).digest
    assert load_function("own_code.load:fails", ("own_code",), folder).digest == before
    with (folder / "own_code" / "load.py").open("a") as file:
        file.write("# other\n")
    assert load_function("own_code.load:seven", ("own_code",), folder).digest != before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("own_code.load", r"'own_code\.load' names no function; expected 'package\.module:function'"),
        ("own_code.load:eight", r"there is no 'eight' in .*load\.py"),
        ("own_code.load:not_called", "is a int, which cannot be called"),
        ("own_code.load:total", "has no source file"),
        ("own_code.lod:seven", r"there is no module 'own_code\.lod' in .* or where Python looks"),
        ("own_code.broken:seven", "cannot be imported .ZeroDivisionError: division by zero.; mend it"),
        ("own_code.wants:seven", "needs no_such_library_anywhere, which is not installed"),
        ("own_code.quits:seven", r"cannot be imported .SystemExit: 3."),
    ],
)
def test_what_cannot_be_is_one_line(folder: Path, text: str, message: str) -> None:
    with pytest.raises(OptkitError, match=message):
        load_function(text, ("own_code",), folder)


@pytest.mark.parametrize(
    ("name", "message"), [("fails", "raised KeyError: 'colour'"), ("leaves", "raised SystemExit: 5")]
)
def test_what_a_function_raises_is_one_line(folder: Path, name: str, message: str) -> None:
    function = load_function(f"own_code.load:{name}", ("own_code",), folder)
    with pytest.raises(OptkitError, match=f"own_code.load:{name} {message}"):
        function()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:b", True),
        ("a.b:c.d", True),
        ("data.npz", False),
        ("C:\\data", False),
        ("a:b:c", False),
        ("a/b:c", False),
        ("1a:b", False),
        ("mnist:full", True),
    ],
)
def test_the_form_of_a_function(text: str, expected: bool) -> None:
    assert is_function(text) == expected


def test_the_users_configuration_allows_packages_beside_the_command_line() -> None:
    assert allowed_packages(("mine",)) == ("mine",)
    configuration_file().parent.mkdir(parents=True)
    configuration_file().write_text('allow = ["ours", "mine"]\n')
    assert allowed_packages(("mine", "more")) == ("ours", "mine", "more")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("allow = 'ours'", r"config\.toml: .*array"),
        ("allow = [3]", r"config\.toml: .*str"),
        ("alow = ['ours']", "has the key 'alow'; expected only allow"),
        ("allow = [", "is not readable TOML"),
    ],
)
def test_a_configuration_that_cannot_be_read_allows_nothing(text: str, message: str) -> None:
    configuration_file().parent.mkdir(parents=True)
    configuration_file().write_text(text)
    with pytest.raises(OptkitError, match=message):
        allowed_packages()


def test_tests_do_not_see_the_users_configuration(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert str(configuration_file()).startswith(os.environ["XDG_CONFIG_HOME"])
