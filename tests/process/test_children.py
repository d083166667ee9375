"""Children end with their parent, leave interrupts to it, and how they ended is said in words."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from optkit.errors import BuildError, OptkitError
from optkit.process import children
from optkit.process.children import ended, own_code, run, start, stop
from optkit.record import sessions
from tests.builders import alive, wait_for_end

PARENT = """
import threading, time
from optkit.process.children import start
def work():
    child = start(["-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)"])
    time.sleep(60)
{how}
"""
HOW = {"main thread": "work()", "another thread": "threading.Thread(target=work).start()"}


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize("how", HOW)
def test_a_child_ends_with_its_parent(how: str) -> None:
    """By the system's own way from the main thread; by watching from one that may end before the process does."""
    command = [sys.executable, "-c", PARENT.format(how=HOW[how])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.kill()
        assert wait_for_end(child)


def test_a_child_whose_parent_is_gone_does_not_start() -> None:
    launcher = str(Path(children.__file__).with_name("child.py"))
    code = "print('started')"
    done = subprocess.run([sys.executable, "-I", "-S", launcher, "signal", "1", "-c", code], capture_output=True)
    assert (done.returncode, done.stdout) == (1, b"")


def test_a_child_leaves_an_interrupt_to_its_parent() -> None:
    code = "import sys; print('ready', flush=True); print(sys.stdin.readline())"
    child = start(["-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGINT)
    assert child.communicate("answered")[0] == "answered\n"


def test_what_runs_is_the_python_and_the_environment_that_were_asked_for(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("import sys; print(sys.argv[1:], sys.path[0])")
    done = run(["-m", "own", "a b"], stdout=subprocess.PIPE, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"['a b'] {tmp_path}\n")
    assert run(["-c", "print(input())"], input="µ", stdout=subprocess.PIPE).returncode == 0


def test_nothing_is_imported_from_the_folder_that_you_stand_in(tmp_path: Path) -> None:
    """Else a repository that is only looked at runs code: by a file that has the name of a library."""
    for name in ("json", "numpy", "optkit"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('run from the folder')")
    request = json.dumps({"path": "none.tflite", "threads": 1, "batch": 1, "seconds": 1.0})
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    done = run(own_code("optkit.tflite.trial_worker"), input=request, cwd=tmp_path, **pipes)
    assert "none.tflite" in done.stderr
    assert "run from the folder" not in done.stderr


def test_an_interrupt_while_waiting_stops_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[str]] = []

    def interrupt(self: "subprocess.Popen[str]", *_: object) -> None:
        started.append(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(["-c", "import time; time.sleep(60)"])
    assert started[0].returncode == -signal.SIGTERM


def test_a_child_that_does_not_end_by_itself_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optkit.process.children._GRACE_SECONDS", 0.1)
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    child = start(["-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout
    child.stdout.readline()
    stop(child)
    assert ended(child.returncode) == "was killed by SIGKILL (out of memory?)"


def test_ends_in_words() -> None:
    assert ended(3) == "ended with code 3"
    assert ended(-11) == "was killed by SIGSEGV"
    assert ended(-99) == "was killed by signal 99"


def test_a_killed_build_and_a_killed_session_are_told_in_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_suite: Path, tiny_data: Path
) -> None:
    from optkit import Store, open_suite
    from optkit.build import builder as build

    def killed(command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.CompletedProcess(command, -9, "half of {")

    monkeypatch.setenv("OPTKIT_DATA", str(tiny_data))
    for module in (build, sessions):
        monkeypatch.setattr(module, "run", killed)
    suite, dataset = open_suite(str(tiny_suite))
    with pytest.raises(BuildError, match=r"the process that builds was killed by SIGKILL \(out of memory\?\)"):
        build.ensure_variants(suite, suite.variants, dataset, Store(tmp_path), "auto")
    with pytest.raises(OptkitError, match=r"a session was killed by SIGKILL \(out of memory\?\) and timed nothing"):
        sessions.run_session([str(tiny_suite)])
