"""What competes with a calibration: it keeps its cores, and ends with its work."""

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.studies.calibration import load, plain
from optkit import OptkitError
from tests.builders import alive, comes_true, wait_for_end
from tests.isolation import ROOT


def test_a_session_alone_takes_rounds_of_a_millisecond_and_keeps_at_most_a_hundred() -> None:
    now = 0.0

    def call() -> None:
        nonlocal now
        now += 0.0001

    found = plain.time_alone(call, 0.5, clock=lambda: now)
    assert gc.isenabled()
    assert found["mean"] == pytest.approx(1e-4)
    assert len(found["rounds"]) == plain.KEPT_ROUNDS
    assert found["rounds"] == pytest.approx([1e5] * 100, rel=1e-3)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen on this system")
def test_competitors_end_with_their_work_and_also_when_it_is_killed() -> None:
    with load.competitors("one") as running:
        load.check(running)
        assert alive(running[0].pid)
    assert not alive(running[0].pid)
    with pytest.raises(OptkitError, match="ended"):
        load.check(running)
    code = (
        "import time; from benchmarks.studies.calibration.load import competitors\n"
        "with competitors('one') as running: print(running[0].pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    assert wait_for_end(pid)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen on this system")
def test_a_command_that_competes_is_bound_to_the_cores_and_stopped_with_what_it_started() -> None:
    with load.competitors("one", "sh -c 'sleep 60 & sleep 60'") as running:
        load.check(running)
        assert comes_true(lambda: len(group(running[0].pid)) >= 2)
        started = group(running[0].pid)
        assert {tuple(os.sched_getaffinity(pid)) for pid in started} == {(0,)}
    assert comes_true(lambda: not group(running[0].pid))


def group(leader: int) -> list[int]:
    """The processes of a group that still run."""
    pids = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]
    return [pid for pid in pids if alive(pid) and _group_of(pid) == leader]


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0
