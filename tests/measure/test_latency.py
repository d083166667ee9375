"""Ways to run a whole set give the same scores; the fastest is chosen and the rest kept."""

from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optkit.measure.latency import Strategy, TFLiteJob, choose_strategy, strategies
from optkit.runtime import TFLiteRunner
from tests.builders import artifact


@pytest.mark.parametrize("interpreters", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 7, 32])
def test_every_strategy_gives_each_sample_its_score(built_store: Path, interpreters: int, batch: int) -> None:
    path = artifact(built_store, "int8")
    x = np.random.default_rng(0).random((45, 28, 28), np.float32)
    expected = TFLiteJob(path, x, Strategy(name="loop", batch=1, interpreters=1, threads=1))
    job = TFLiteJob(path, x, Strategy(name="s", batch=batch, interpreters=interpreters, threads=1))
    expected.run()
    job.run()
    job.close()
    np.testing.assert_array_equal(job.scores(), expected.scores())


def test_the_plain_loop_is_always_tried_and_pools_only_with_threads() -> None:
    names = [s.name for s in strategies(1, 10_000, 1000)]
    assert names[0] == "loop of 32"
    assert not any("interpreters" in name for name in names)
    assert any("2 interpreters" in s.name for s in strategies(2, 10_000, 1000))


def test_batches_are_held_to_the_memory_there_is() -> None:
    assert max(s.batch for s in strategies(1, 10_000, 100 << 20)) == 32
    assert max(s.batch for s in strategies(1, 50, 1000)) == 32


def test_the_fastest_by_the_clock_is_chosen(built_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = count()

    def clock() -> float:
        # each timed run reads the clock twice; the second strategy of three is made the fastest
        number = next(ticks)
        run = number // 2
        return run * 100 + (number % 2) * [3.0, 2.0, 2.5][run % 3]

    three = tuple(Strategy(name=str(i), batch=8, interpreters=1, threads=1) for i in range(3))
    monkeypatch.setattr("optkit.measure.latency.strategies", lambda *_: three)
    trial = choose_strategy(artifact(built_store, "int8"), np.zeros((16, 28, 28), np.float32), 1, clock=clock)
    assert trial.chosen.name == "1"
    assert trial.seconds == {"0": 3.0, "1": 2.0, "2": 2.5}


def test_a_slow_file_is_tried_on_a_part_and_its_figures_are_of_the_whole(
    built_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without this a file of seconds a set (int16x8) is run whole some thirty times before it is timed."""
    sizes: list[int] = []
    made = TFLiteJob.__init__

    def note_size(self: TFLiteJob, path: Path, x: np.ndarray, strategy: Strategy, load: Any = TFLiteRunner) -> None:
        sizes.append(len(x))
        made(self, path, x, strategy, load)

    monkeypatch.setattr(TFLiteJob, "__init__", note_size)
    path, x = artifact(built_store, "int8"), np.zeros((4000, 28, 28), np.float32)
    ticks = count()
    trial = choose_strategy(path, x, 1, clock=lambda: float(next(ticks)))  # one second a run, of any number of samples
    assert set(sizes) == {500}
    assert set(trial.seconds.values()) == {8.0}
    sizes.clear()
    ticks = count()
    trial = choose_strategy(path, x, 1, clock=lambda: next(ticks) / 100)
    assert sizes == [500, *[4000] * len(trial.seconds)], "a fast file is tried on the whole set"
    assert trial.seconds.keys() == {s.name for s in strategies(1, 4000, 1000)}
