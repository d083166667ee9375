"""The command under signals: its code is 128 + the signal's number, with one line, whatever swallows the exception."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.builders import wait_for_end

LINE = {2: "optkit: interrupted; nothing half-made was kept\n", 15: "optkit: terminated; nothing half-made was kept\n"}
# A command whose work is `{work}`, in a process that takes itself for the `optkit` command.
STAND_IN = """
import sys
sys.argv = ["optkit", "list"]
import os, time
from optkit import cli, commands
from optkit.keras import tensorflow
from optkit.process import children, interrupts
from optkit.commands.command import Command
from optkit.errors import OptkitError
interrupts._AGAIN_SECONDS = 0.3
def ready():
    print("ready", flush=True)
def work(options):
{work}
    return None, "done", 0
cli.COMMANDS["list"] = Command("stand in", "list", lambda parser: None, work)
{start}
raise SystemExit(cli.main())
"""
WORK = {
    "plain": "ready(); time.sleep(60)",
    "silenced": "ready()\n    with tensorflow.silenced(): time.sleep(60)",
    "turned into an error": (
        "ready()\n    try: time.sleep(60)\n    except BaseException as e: raise OptkitError('unknown') from e"
    ),
    "swallowed at the end": "ready()\n    try: time.sleep(60)\n    except BaseException: pass",
    "swallowed on the way": "ready()\n    try: time.sleep(60)\n    except BaseException: time.sleep(60)",
    "swallowed every time": "ready()\n    while True:\n        try: time.sleep(60)\n        except BaseException: pass",
    "child": "children.run(['-c', 'import os, time; print(os.getpid(), flush=True); time.sleep(60)'])",
}


def stand_in(work: str, start: str = "") -> "subprocess.Popen[str]":
    code = STAND_IN.format(work=f"    {work}", start=start)
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", code]
    return subprocess.Popen(command, text=True, start_new_session=True, stdout=pipe, stderr=pipe)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("how", WORK)
def test_a_signal_ends_it_with_one_line(how: str, number: signal.Signals) -> None:
    if number == signal.SIGTERM and how not in ("plain", "child"):
        pytest.skip("the same way as an interrupt")
    process = stand_in(WORK[how])
    assert process.stdout
    first = process.stdout.readline()
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, error, out) == (128 + number, LINE[number], "")
    if how == "child":
        assert wait_for_end(int(first))


@pytest.mark.parametrize("when", ["before", "after"])
def test_there_is_no_moment_before_or_after_the_work_without_it(when: str) -> None:
    before = "print('ready', flush=True); time.sleep(60)"
    after = "import atexit; atexit.register(lambda: (print('ready', flush=True), time.sleep(60)))"
    process = stand_in("pass", before if when == "before" else after)
    assert process.stdout
    while process.stdout.readline() != "ready\n":
        pass
    process.send_signal(signal.SIGINT)
    assert (process.communicate(timeout=60)[1], process.returncode) == (LINE[2], 130)


def test_a_program_that_imports_optkit_keeps_its_own_handlers() -> None:
    code = "import signal, optkit; print(signal.getsignal(2) is signal.default_int_handler, signal.getsignal(15))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == f"True {signal.Handlers.SIG_DFL}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_killing_bench_ends_its_build_and_the_next_start_clears_up(
    tmp_path: Path, tiny_suite: Path, tiny_data: Path
) -> None:
    env = {**os.environ, "OPTKIT_DATA": str(tiny_data), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "optkit", "bench", str(tiny_suite), "--store", str(tmp_path / "store")]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    children: list[int] = []
    while not children:
        found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        children = [int(pid) for pid in found]
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert all(map(wait_for_end, children))
