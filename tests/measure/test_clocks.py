"""The CPU clock is used where the calling thread does all the work, and only where its steps are fine."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from optkit.measure.clocks import clock_for, cpu_clock
from optkit.measure.reference import REFERENCE
from optkit.runtime import TFLiteRunner


@pytest.fixture
def fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "get_clock_info", lambda _: SimpleNamespace(resolution=1e-9))


@pytest.mark.usefixtures("fine")
def test_cpu_time_is_for_tflite_files_on_one_thread() -> None:
    assert clock_for(threads=1, tflite=True) == ("cpu", time.thread_time)
    assert clock_for(threads=2, tflite=True) == ("wall", time.perf_counter)
    assert clock_for(threads=1, tflite=False) == ("wall", time.perf_counter)


def test_coarse_or_missing_cpu_time_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "get_clock_info", lambda _: SimpleNamespace(resolution=0.015625))  # as on Windows
    assert clock_for(threads=1, tflite=True) == ("wall", time.perf_counter)

    def missing(name: str) -> None:
        raise ValueError(name)

    monkeypatch.setattr(time, "get_clock_info", missing)
    assert clock_for(threads=1, tflite=True) == ("wall", time.perf_counter)


@pytest.mark.skipif(cpu_clock() is None, reason="this system has no fine clock of a thread's CPU time")
def test_a_sleep_takes_no_cpu_time() -> None:
    clock = cpu_clock()
    assert clock
    began = clock()
    time.sleep(0.05)
    assert clock() - began < 0.025


@pytest.mark.skipif(cpu_clock() is None, reason="this system has no fine clock of a thread's CPU time")
def test_on_one_thread_litert_works_in_the_thread_that_calls_it() -> None:
    """Else its CPU time would not be counted: the rest of the process is idle meanwhile."""
    runner = TFLiteRunner(REFERENCE, threads=1, batch=1)
    prepared = runner.prepare(np.zeros((1, *runner.sample_shape), np.float32))
    runner.invoke(prepared)
    whole, own = time.process_time(), time.thread_time()
    while time.thread_time() - own < 0.05:
        runner.invoke(prepared)
    own, whole = time.thread_time() - own, time.process_time() - whole
    assert own > 0.8 * whole
