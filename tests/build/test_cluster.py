"""Building on a cluster of Dask: the same bytes, whatever worker dies."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from optkit import BuildError, Store, open_suite
from optkit.build import cluster as clusters
from optkit.build.cluster import cluster
from optkit.build.stages import library_versions
from optkit.build.tasks import build_by_tasks

distributed = pytest.importorskip("distributed", reason="distributed is not installed: pip install 'optkit[cluster]'")


@pytest.fixture(scope="module")
def dask() -> Iterator[Any]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as running:
        yield running


def test_a_cluster_makes_the_same_bytes_though_a_worker_is_killed(
    dask: Any, built_store: Path, tiny_suite: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTKIT_DATA", str(tiny_data))
    with distributed.Client(dask, set_as_default=False) as client:
        client.run(os.putenv, "OPTKIT_DATA", str(tiny_data))
        client.run(os.environ.__setitem__, "OPTKIT_DATA", str(tiny_data))
        pids = list(client.run(os.getpid).values())
    store = Store(tmp_path / "second")

    def kill_one_that_works() -> None:
        while not list((tmp_path / "second").glob("making/*")):
            time.sleep(0.05)
        os.kill(pids[0], signal.SIGKILL)

    thread = threading.Thread(target=kill_one_that_works, daemon=True)
    thread.start()
    suite, data = open_suite(str(tiny_suite))
    build_by_tasks(suite, suite.select(("pruned_qat", "int8")), data, store, "auto", cluster(dask.scheduler_address))
    thread.join()
    made = sorted((tmp_path / "second" / "entries").rglob("model.*"))
    assert len(made) == 5
    for path in made:
        assert path.read_bytes() == (built_store / path.relative_to(tmp_path / "second")).read_bytes()


def test_a_stage_that_fails_is_not_tried_again_and_ends_the_build(
    dask: Any, tiny_suite: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTKIT_DATA", str(tiny_data))
    tiny_gone = tmp_path / "gone.toml"
    tiny_gone.write_text(tiny_suite.read_text())
    gone, data = open_suite(str(tiny_gone))
    tiny_gone.unlink()  # the workers do not see it
    with pytest.raises(BuildError, match=r"gone\.toml"):
        build_by_tasks(gone, gone.variants, data, Store(tmp_path / "s"), "auto", cluster(dask.scheduler_address))


def test_workers_of_other_versions_are_refused(
    dask: Any, tiny_suite: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTKIT_DATA", str(tiny_data))
    suite, data = open_suite(str(tiny_suite))
    here = library_versions() | {"tensorflow": "9.9"}
    monkeypatch.setattr(clusters, "library_versions", lambda: here)
    with pytest.raises(BuildError, match=r"has tensorflow 2.*here it is 9\.9.*install the same versions"):
        build_by_tasks(suite, suite.variants, data, Store(tmp_path / "s"), "auto", cluster(dask.scheduler_address))


def test_a_cluster_that_is_not_there_is_said(
    tiny_suite: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTKIT_DATA", str(tiny_data))
    monkeypatch.setattr(clusters, "_WAIT_SECONDS", 1)
    suite, data = open_suite(str(tiny_suite))
    for address in ("tcp://127.0.0.1:1", "nowhere", "tcp://"):
        with pytest.raises(BuildError, match="there is no Dask scheduler at"):
            build_by_tasks(suite, suite.variants, data, Store(tmp_path / "s"), "auto", cluster(address))
