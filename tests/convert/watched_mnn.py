"""A whole conversion by MNN in this process, which may open no connection and start no process: `REQUEST TO`.

Two watchers beside optkit's own refusal, which is put out of force: Python's audit events are written to TO, and where
the system has seccomp (Linux, x86-64 and arm64) a native call for a socket or a program kills this process.
"""

import ctypes
import json
import platform
import struct
import sys
from pathlib import Path

WATCHED = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.startfile")
MODULES = ("MNN", "aliyun", "pip", "urllib", "http", "requests")
# socket, connect, sendto, execve, execveat, fork, vfork; a thread is a clone, which is not among them
CALLS = {"x86_64": (41, 42, 44, 59, 322, 57, 58), "aarch64": (198, 203, 206, 221, 281)}
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000


def forbid_native_calls() -> bool:
    """Ask Linux to kill this process at the first of `CALLS`; tell whether it does."""
    calls = CALLS.get(platform.machine()) if sys.platform == "linux" else None
    if calls is None:
        return False
    steps = [(_LOAD, 0, 0, 0)]
    steps += [(_JUMP_IF_EQUAL, len(calls) - i, 0, number) for i, number in enumerate(calls)]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _KILL)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        return False
    return libc.prctl(_SECCOMP, _FILTER, program, 0, 0) == 0


def watch(events: list[str]) -> None:
    def hook(event: str, arguments: tuple) -> None:
        if event.startswith(WATCHED):
            events.append(event)
        if event == "import" and str(arguments[0]).split(".")[0] in MODULES:
            events.append(f"import {arguments[0]}")

    sys.addaudithook(hook)


def main(request: str, to: str) -> None:
    import ai_edge_litert.interpreter  # noqa: F401

    from optkit.convert import mnn_worker  # and all that optkit itself imports, before the watch begins

    events: list[str] = []
    native = forbid_native_calls()
    watch(events)
    if request == "break out":  # the watchers are awake
        import subprocess

        subprocess.run([sys.executable, "-c", ""], check=False)
    setattr(mnn_worker, "refuse_the_rest", lambda: None)  # noqa: B010
    answer = mnn_worker.work(**json.loads(Path(request).read_text()))
    Path(to).write_text(json.dumps({"answer": answer, "events": events, "native": native}))


if __name__ == "__main__":
    main(*sys.argv[1:])
