"""Functions of the user's, named in a text as `package.module:function`.

Law: nothing is imported unless its package was allowed: by `--allow`, or in the user's own configuration. A suite file
comes with a repository, so it cannot allow anything.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optkit.errors import OptkitError
from optkit.files.configuration import configuration_file
from optkit.files.regular import read_bytes

_FORM = re.compile(r"(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*):(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)")
EXPECTED = "expected 'package.module:function'"


@dataclass(frozen=True)
class UserFunction:
    """A function that was imported. `digest` is the sha256 of its source file, in hex: other code, other digest."""

    text: str
    call: Callable[..., Any]
    digest: str

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the function. Raises OptkitError, one line with its own message, when it raises anything."""
        try:
            return self.call(*arguments, **named)
        except (Exception, SystemExit) as error:
            raise OptkitError(f"{self.text} raised {described(error)}; mend the function") from error

    @property
    def parameters(self) -> frozenset[str]:
        """The names of its parameters; none of a function that does not say them."""
        try:
            return frozenset(inspect.signature(self.call).parameters)
        except (TypeError, ValueError):
            return frozenset()


def is_function(text: str) -> bool:
    """Tell whether `text` has the form `package.module:function`."""
    return _FORM.fullmatch(text) is not None


def load_function(text: str, allowed: Sequence[str], folder: Path | None = None) -> UserFunction:
    """Import the function that `text` names, `package.module:function`, if its package is among `allowed`.

    `allowed` has names of packages or modules; one allows all that is below it. The module is looked for in `folder`
    first, and then where Python looks. Raises OptkitError when it is not allowed (nothing is imported then), when
    module or function are not there, when the module fails to import, and when the function has no source file.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise OptkitError(f"{text!r} names no function; {EXPECTED}, such as 'my_project.data:load'")
    module_name, name = found["module"], found["name"]
    check_allowed(text, module_name, allowed)
    module = _imported(text, module_name, folder)
    function: Any = module
    for part in name.split("."):
        function = getattr(function, part, None)
    if function is None:
        raise OptkitError(f"{text}: there is no {name!r} in {module.__file__ or module_name}; {EXPECTED}")
    if not callable(function):
        raise OptkitError(f"{text} is a {type(function).__name__}, which cannot be called; {EXPECTED}")
    return UserFunction(text, function, _digest(text, function))


def check_allowed(text: str, module: str, allowed: Sequence[str]) -> None:
    """Raise OptkitError unless `module` is one of `allowed`, or below one. The message says how to allow it."""
    if not any(module == package or module.startswith(f"{package}.") for package in allowed):
        package = module.split(".")[0]
        raise OptkitError(
            f"{text} is code that would run here, and its package was not allowed; if you trust it, give "
            f"--allow {package}, or write allow = ['{package}'] in {configuration_file()}"
        )


def described(error: BaseException) -> str:
    """Return an exception as its type and the first line of its message."""
    said = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _imported(text: str, name: str, folder: Path | None) -> Any:
    with looked_for_in(folder):
        importlib.invalidate_caches()
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name and (name == error.name or name.startswith(f"{error.name}.")):
                where = f"in {folder} or " if folder else ""
                raise OptkitError(
                    f"{text}: there is no module {error.name!r} {where}where Python looks; check its name, or install "
                    "it"
                ) from error
            raise OptkitError(
                f"{text}: module {name} needs {error.name}, which is not installed; install it"
            ) from error
        except (Exception, SystemExit) as error:
            raise OptkitError(f"{text}: module {name} cannot be imported ({described(error)}); mend it") from error


@contextmanager
def looked_for_in(folder: Path | None) -> Iterator[None]:
    """Let Python look for modules in `folder` first, within the block."""
    if folder is None:
        yield
        return
    place = str(folder.resolve())
    sys.path.insert(0, place)
    try:
        yield
    finally:
        sys.path.remove(place)


def module_digest(name: str, folder: Path | None) -> str:
    """Return the sha256, in hex, of the source of the module called `name`, which must have been allowed.

    Raises OptkitError when there is none, or it has no source file.
    """
    with looked_for_in(folder):
        try:
            found = importlib.util.find_spec(name)
        except (ImportError, ValueError) as error:
            raise OptkitError(f"module {name} cannot be found ({described(error)}); check the name") from error
    if found is None or not found.origin or not Path(found.origin).is_file():
        raise OptkitError(f"there is no module {name} with a source file in {folder} or where Python looks; check it")
    return hashlib.sha256(read_bytes(Path(found.origin))).hexdigest()


def _digest(text: str, function: Any) -> str:
    """Return the sha256 of the file that holds the function's source."""
    plain = inspect.unwrap(function)
    if not (inspect.isroutine(plain) or inspect.isclass(plain)):
        plain = type(plain)
    try:
        source = inspect.getsourcefile(plain)
        data = read_bytes(Path(source)) if source else None
    except (TypeError, OSError):
        data = None
    if data is None:
        raise OptkitError(f"{text} has no source file that can be read; give a function that is written in Python")
    return hashlib.sha256(data).hexdigest()
