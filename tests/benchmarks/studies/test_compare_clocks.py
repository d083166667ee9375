"""Both clocks are read around the same blocks, and the table tells how much processes scatter by each."""

import time
from pathlib import Path

import pytest

from benchmarks.studies.calibration import compare_clocks
from optkit.measure.clocks import cpu_clock
from optkit.measure.paired import LOAD_ORDERS, ROLES, PairedTiming


def process(number: int, effect: float) -> PairedTiming:
    order = LOAD_ORDERS[number % 6]
    return PairedTiming(effect=effect, control=0.0, load_order=order, rounds=9, calls=1, seconds=1e-4)


@pytest.mark.skipif(cpu_clock() is None, reason="this system has no fine clock of a thread's CPU time")
def test_both_clocks_are_read_around_the_same_blocks(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """A call that waits half of its time takes that by wall clock only."""

    def work_and_wait() -> None:
        until = time.thread_time() + 0.0005
        while time.thread_time() < until:
            pass
        time.sleep(0.001)

    calls = dict.fromkeys(ROLES, work_and_wait)
    monkeypatch.setattr(compare_clocks, "prepared_calls", lambda *_, **__: calls)
    found = compare_clocks.time_both(Path("any"), seconds=0.01)
    assert (found["wall"].clock, found["cpu"].clock) == ("wall", "cpu")
    assert found["wall"].rounds == found["cpu"].rounds >= 6
    assert 0.0005 <= found["cpu"].seconds < found["wall"].seconds - 0.0005

    answers = {"wall": [0.3, -0.3], "cpu": [0.02, -0.02]}
    timings = [{clock: process(i, answers[clock][i // 6 % 2]) for clock in answers} for i in range(24)]
    answered = iter(timings)
    monkeypatch.setattr(compare_clocks, "_answer", lambda _: next(answered))
    compare_clocks.compare([Path("net.tflite")], ["quiet"], 24)
    assert capsys.readouterr().out.splitlines()[1].split() == ["net", "quiet", "0.100", "32.07", "%", "2.14", "%"]
