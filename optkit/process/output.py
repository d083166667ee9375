"""Standard output and error as they come: in any encoding, closed, full, or read by a program that has ended."""

from __future__ import annotations

import codecs
import functools
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec

from optkit.names import shown

_HANDLER = "optkit"
_FULL = "optkit: error: standard output cannot be written ({}); free space there, or send it elsewhere"

P = ParamSpec("P")


def prepared(main: Callable[P, int]) -> Callable[P, int]:
    """Let `main` print whatever it has to say, and have all of it written before it returns.

    A character that the encoding of a stream lacks becomes an escape that JSON reads back, such as `\\u2192`. A stream
    that is closed swallows what is printed. When the program that reads the output ends first, as `head` does, the
    rest is dropped and the exit code stays the command's own. Any other failure to write is one line and code 2.
    """

    @functools.wraps(main)
    def run(*arguments: P.args, **options: P.kwargs) -> int:
        open_missing()
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors=_HANDLER)
        try:
            code = main(*arguments, **options)
        except SystemExit:  # of --help and of bad usage
            flush(0)
            raise
        return flush(code)

    return run


def show(text: str, code: int) -> int:
    """Print `text` as the result and return the exit code: `code`, or 2 when it cannot be written."""
    try:
        print(text)
    except OSError as error:
        return _failed(error, code)
    return flush(code)


def tell(line: str) -> None:
    """Print a line for the user on standard error. Where that cannot be written, it is dropped: the code says it."""
    with suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def in_workflow() -> bool:
    """Tell whether this runs in a GitHub workflow, whose runner takes lines that begin with :: as commands."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def workflow_command(name: str, message: object, **properties: str) -> str:
    """Return the line by which a GitHub workflow shows `message` on the change itself: `name` is warning or error.

    `properties` are such as `title` and `file`. No text among them ends the line or begins another property.
    """
    given = ",".join(f"{key}={_one_line(value, also=',:')}" for key, value in properties.items())
    return f"::{name} {given}::{_one_line(str(message))}"


def _one_line(text: str, also: str = "") -> str:
    """Return `text` without control characters, its line ends and those of `also` as the runner decodes them."""
    safe = "\n".join(map(shown, text.split("\n")))
    for character in f"%\n{also}":
        safe = safe.replace(character, f"%{ord(character):02X}")
    return safe


def flush(code: int) -> int:
    """Write what was printed and return the exit code: `code`, or 2 when it cannot be written."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return _failed(error, code)
    return code


def _failed(error: OSError, code: int) -> int:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())  # so that Python does not fail again on what is left to write when it ends
    os.close(nowhere)
    if isinstance(error, BrokenPipeError):
        return code
    tell(_FULL.format(error.strerror))
    return 2


def open_missing() -> None:
    """Give closed streams a place to write to, so that no file that is opened later gets their numbers."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    units = (missing[i : i + 2].hex() for i in range(0, len(missing), 2))
    return "".join(f"\\u{unit}" for unit in units), error.end


codecs.register_error(_HANDLER, _escape)
