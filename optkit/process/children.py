"""Every process that optkit starts: it ends with its parent, leaves Ctrl-C to it, and how it ended is said in words.

Law: no process of optkit outlives the one that started it, however that one ended; and an interrupt is handled
once, by the process that the user started. It stops its children, and they stop theirs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_LAUNCHER = Path(__file__).with_name("child.py")
_OWN = Path(__file__).with_name("own.py")
_PARENT = "OPTKIT_PARENT"
_GRACE_SECONDS = 2.0


def start(arguments: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """Start Python with `arguments` as a child; `options` are those of `subprocess.Popen`.

    The child is killed when this process ends, and ignores the interrupt that Ctrl-C sends to both: stop it with
    `stop`. On Windows it is an ordinary child process.
    """
    if not hasattr(signal, "pthread_sigmask"):
        return subprocess.Popen([sys.executable, *arguments], **options)
    # The system's own way goes by the thread that starts the child, so that thread must last as long as the process.
    lasting = threading.current_thread() is threading.main_thread()
    how = "signal" if sys.platform == "linux" and lasting else "watch"
    flags = ["-I", "-S"] if how == "signal" else []  # the launcher alone; it is followed by a Python of its own
    command = [sys.executable, *flags, str(_LAUNCHER), how, str(os.getpid()), *arguments]
    kept = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # until the child ignores it
    try:
        return subprocess.Popen(command, **options)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, kept)


def own_code(module: str, *arguments: str) -> tuple[str, ...]:
    """Return what starts Python on the `main` of a module of optkit, or of a library; `arguments` are in sys.argv."""
    return str(_OWN), module, *arguments


def run(
    arguments: Sequence[str], *, input: str | None = None, timeout: float | None = None, **options: Any
) -> subprocess.CompletedProcess[Any]:
    """Run Python with `arguments` as `start` does and wait for its end. Text is UTF-8; what is not, is replaced.

    `timeout` is in seconds. Whatever ends the waiting, an interrupt too, stops the child first. Raises
    subprocess.TimeoutExpired.
    """
    if input is not None:
        options["stdin"] = subprocess.PIPE
    process = start(arguments, encoding="utf-8", errors="replace", **options)
    with process:
        try:
            output, error = process.communicate(input, timeout)
        except BaseException:
            stop(process)
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, error)


def stop(process: subprocess.Popen[Any]) -> None:
    """End a child: it may end by itself for two seconds, then it is killed."""
    try:
        process.terminate()
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        process.kill()  # does nothing when it has ended
        process.wait()


def ended(code: int | None) -> str:
    """Say how a process with this return code ended, to follow its name in a sentence."""
    if code is None:
        return "closed its output"
    if code >= 0:
        return f"ended with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed by {name}{' (out of memory?)' if name == 'SIGKILL' else ''}"


def is_child() -> bool:
    """Tell whether this process was started by another one of optkit's, which is still there."""
    return os.environ.get(_PARENT) == str(os.getppid())
