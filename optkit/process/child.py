"""The first code of a child process: make it end with its parent, then become the program that was asked for.

Started as a file by `children.start`, with: signal|watch, the parent's process id, and arguments for Python.
"""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_WATCH_SECONDS = 0.2


def main() -> None:
    """Tie this process to its parent and run the rest of the command line."""
    how, parent, *command = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.environ["OPTKIT_PARENT"] = parent
    if how == "signal":
        _die_with(int(parent))
        os.execv(sys.executable, [sys.executable, *command])  # what was asked of the system holds after this, too
    _watch(int(parent))
    _become(command)


def _die_with(parent: int) -> None:
    """Ask Linux to kill this process when the parent ends (prctl(2)). It may have ended before that."""
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _watch(parent: int) -> None:
    import threading
    import time

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _become(command: list[str]) -> None:
    """Run the command in this process, as Python would: what watches the parent must stay."""
    import runpy

    if command[0] == "-m":
        sys.path[0], sys.argv = os.getcwd(), command[1:]
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    elif command[0] == "-c":
        sys.path[0], sys.argv = "", ["-c", *command[2:]]
        exec(command[1], {"__name__": "__main__"})
    else:
        sys.path[0], sys.argv = os.path.dirname(command[0]), command
        runpy.run_path(command[0], run_name="__main__")


if __name__ == "__main__":
    main()
