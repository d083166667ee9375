"""How the `optkit` command ends when a signal asks it to: with 128 plus the signal's number, and one line.

Law: a signal is never swallowed. One that is lost in a destructor or turned into another error on its way through a
library is remembered and sent again; after a while the process ends at once. It is heard from the first import to
the last: while optkit is still being imported, and when all is printed, there is nothing to clean up.
"""

from __future__ import annotations

import atexit
import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import ParamSpec

from optkit.process.children import is_child
from optkit.process.output import open_missing

_WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "ended with its terminal"}
_AGAIN_SECONDS = 4.0  # more than a child gets to end by itself
_TRIES = 4

P = ParamSpec("P")
_COMMANDS = ("optkit", "optkit.exe", "optkit-script.py", "optkit.cli")


@dataclass
class _State:
    """`stderr` is a copy of descriptor 2 from the start: 2 itself is silenced while a stage runs."""

    stderr: int = -1
    number: int = 0
    running: bool = False
    said: bool = False


_state = _State()


def is_command() -> bool:
    """Tell whether this process is the `optkit` command, not a program that imports optkit."""
    options = sys.orig_argv[1:]
    if "-m" in options:
        return options[options.index("-m") + 1 :][:1] == ["optkit"]
    return os.path.basename(sys.argv[0] if sys.argv else "") in _COMMANDS


def install() -> None:
    """Handle the signals that ask this process to end, but for those it was started to ignore (as nohup does)."""
    open_missing()
    _state.stderr = os.dup(2)
    for name in _WORDS:
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, _receive)
    if sys.platform != "win32":
        hear, tell = os.pipe()
        os.set_blocking(tell, False)
        signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
        threading.Thread(target=_insist, args=(hear,), daemon=True).start()


def _receive(number: int, frame: FrameType | None) -> None:
    _state.number = _state.number or number
    if not _state.running:
        _end()
    raise KeyboardInterrupt


def _insist(hear: int) -> None:
    """Send a signal again that has not ended the process: it was swallowed, or the main thread is in a library."""
    main = threading.main_thread().ident
    asked = {int(getattr(signal, name)) for name in _WORDS}
    while (number := os.read(hear, 1)[0]) not in asked or signal.getsignal(number) is not _receive:
        pass
    for _ in range(_TRIES):
        time.sleep(_AGAIN_SECONDS)
        if main and not _state.said:
            signal.pthread_kill(main, number)
    _state.number = _state.number or number
    _end()


def stopped() -> int:
    """Say, once, that a signal ended the command, and return the exit code for it."""
    number = _state.number or int(signal.SIGINT)
    line = f"optkit: {_WORDS[signal.Signals(number).name]}; nothing half-made was kept\n"
    if not (_state.said or is_child()):  # a parent says it for its children
        if _state.stderr < 0:
            sys.stderr.write(line)
        else:
            try:
                os.write(_state.stderr, line.encode())
            except OSError:
                pass
    _state.said = True
    return 128 + number


def _end() -> None:
    os._exit(stopped())


def _finish(code: int) -> int:
    """End the process in good order, but for Python's own shutdown: signals would go by the system's ways there."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # what could not be printed has been said
            stream.flush()
    os._exit(code)


@contextmanager
def noticed() -> Iterator[None]:
    """Raise KeyboardInterrupt in the end, whatever has become of a signal in what is run."""
    try:
        yield
    except Exception as error:
        if _state.number:
            raise KeyboardInterrupt from error
        raise
    if _state.number:
        raise KeyboardInterrupt


def handled(main: Callable[P, int]) -> Callable[P, int]:
    """Let `main`, where it is the whole command, raise KeyboardInterrupt on signals; outside of it they end all."""

    @functools.wraps(main)
    def run(*arguments: P.args, **options: P.kwargs) -> int:
        try:
            _state.running = _state.stderr >= 0
            code = main(*arguments, **options)
        except KeyboardInterrupt:
            code = stopped()
        finally:
            _state.running = False
        return _finish(code) if _state.stderr >= 0 else code

    return run


if is_command():
    install()
