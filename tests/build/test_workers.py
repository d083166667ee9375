"""Building with several processes: the same bytes, each after what it needs, whatever process dies."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optkit import BuildError, Store, load_suite, open_suite
from optkit.build import workers
from optkit.build.artifact import SILENT, Progress
from optkit.build.graph import graph, urgency
from optkit.build.job import Job
from optkit.build.stages import stages
from optkit.build.tasks import Task, build_by_tasks
from optkit.build.worker_process import WorkerDied, WorkerProcess

JOB = Job(suite="tiny", data="auto", variants=(), store="store")


def test_the_graph_has_each_stage_once_after_what_it_needs(tiny_suite: Path) -> None:
    suite = load_suite(str(tiny_suite), on="mnist")
    found = graph(stages(suite, variant, "data") for variant in suite.variants)
    places = {key: place for place, key in enumerate(found)}
    assert [stage.label for stage in found.values()].count("train mnist_conv") == 1
    assert all(places[stage.parent.key] < places[key] for key, stage in found.items() if stage.parent)


def test_what_more_training_waits_for_goes_first(tiny_suite: Path) -> None:
    suite = load_suite(str(tiny_suite), on="mnist")
    found = graph(stages(suite, variant, "data") for variant in suite.variants)
    first = urgency(found)
    by_label = {stage.label: first[key] for key, stage in found.items()}
    inner = [by_label[label] for label in ("train mnist_conv", "prune", "quantize_aware", "convert to float32")]
    assert inner == sorted(set(inner), reverse=True)


class Fake:
    """A worker that writes down what it is asked for, and dies when told to."""

    def __init__(self, died: Callable[[str], bool], asked: list[str], finished: list[str]) -> None:
        self.died, self.asked, self.finished, self.closed = died, asked, finished, False

    def ask(self, request: dict[str, Any], progress: Progress) -> list[str]:
        name = str(request["make"])
        with LOCK:
            self.asked.append(name)
            if self.died(name):
                raise WorkerDied("a process that builds was killed by SIGKILL")
            self.finished.append(name)
        return [f"{name} is done"]

    def close(self) -> None:
        self.closed = True


LOCK = threading.Lock()


@given(
    needs=st.lists(st.sets(st.integers(0, 20)), min_size=1, max_size=12),
    count=st.integers(1, 4),
    dying=st.sets(st.integers(0, 11)),
)
def test_every_task_is_done_once_after_those_before_it(needs: list[set[int]], count: int, dying: set[int]) -> None:
    before = {str(i): tuple(str(n) for n in some if n < i) for i, some in enumerate(needs)}
    asked: list[str] = []
    finished: list[str] = []
    left = {str(i) for i in dying}

    def died(name: str) -> bool:  # once
        if name in left:
            left.remove(name)
            return True
        return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "WorkerProcess", lambda job: Fake(died, asked, finished))
        pool = workers.ProcessPool(JOB, count, SILENT)
        said = pool.run({name: Task(request={"make": name}, before=some) for name, some in before.items()})
        pool.close()
    assert sorted(finished) == sorted(before)
    assert said == [f"{name} is done" for name in before]
    for place, name in enumerate(finished):
        assert set(before[name]) <= set(finished[:place])


def test_a_task_whose_process_always_dies_ends_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(workers, "WorkerProcess", lambda job: Fake(lambda name: True, asked, []))
    pool = workers.ProcessPool(JOB, 2, SILENT)
    with pytest.raises(WorkerDied, match="SIGKILL"):
        pool.run({"a": Task(request={"make": "a"})})
    pool.close()
    assert asked == ["a", "a"]


@pytest.mark.slow
def test_two_processes_make_the_same_bytes_and_one_that_is_killed_takes_nothing_with_it(
    built_store: Path, tiny_suite: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTKIT_DATA", str(tiny_data))
    suite, data = open_suite(str(tiny_suite))
    began: list[WorkerProcess] = []
    ask = WorkerProcess.ask

    def ask_and_kill_the_first(self: WorkerProcess, request: dict[str, Any], progress: Progress) -> list[str]:
        if not began and "make" in request:
            began.append(self)
            self._process.kill()
        return ask(self, request, progress)

    monkeypatch.setattr(WorkerProcess, "ask", ask_and_kill_the_first)
    store = Store(tmp_path / "second")
    made = build_by_tasks(suite, suite.variants, data, store, "auto", workers.processes(2))
    assert began
    assert list(made) == [variant.name for variant in suite.variants]
    for path in (tmp_path / "second" / "entries").rglob("model.*"):
        assert path.read_bytes() == (built_store / path.relative_to(tmp_path / "second")).read_bytes()


def test_what_a_recipe_cannot_handle_is_said_before_anything_is_made(
    tiny_suite: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTKIT_DATA", str(tiny_data))
    path = tmp_path / "wrong.toml"
    pruning = '"prune", final_sparsity = 0.8, epochs = 2, batch_size = 16'
    path.write_text(tiny_suite.read_text().replace(pruning, '"slim"').replace('preserve = "sparsity", ', ""))
    suite, data = open_suite(str(path))
    with pytest.raises(BuildError, match="variant 'pruned' cannot be built: slim: no channel"):
        build_by_tasks(suite, suite.select(("pruned",)), data, Store(tmp_path / "s"), "auto", workers.processes(1))
    assert not list((tmp_path / "s").rglob("model.*"))
