"""Paired timing in processes of their own."""

import json
import math
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import optkit
from optkit import ArtifactError
from optkit.measure import paired_models
from optkit.measure.clocks import cpu_clock
from optkit.measure.paired import LOAD_ORDERS, ROLES, PairedTiming, load_places
from optkit.measure.paired_models import time_pair
from optkit.measure.paired_process import run_process
from optkit.measure.reference import REFERENCE
from optkit.process.children import own_code
from optkit.runtime import TFLiteRunner
from tests.builders import artifact, stored
from tests.isolation import GUARD


def test_a_real_process_times_real_files(built_store: Path) -> None:
    base, head = artifact(built_store, "float32"), artifact(built_store, "int8")
    found = run_process(base, head, number=3, threads=1, batch=2, seconds=0.05)
    assert found.load_order == LOAD_ORDERS[3]
    assert found.rounds % 6 == 0 < found.rounds
    assert found.calls >= 1
    assert found.seconds > 0
    assert math.isfinite(found.effect)
    assert math.isfinite(found.control)
    assert found.clock == ("cpu" if cpu_clock() else "wall")


def loaded_with(
    monkeypatch: pytest.MonkeyPatch, built_store: Path, effects: list[float], a_round: float = 0.0
) -> tuple[PairedTiming, list[tuple[str, ...]]]:
    """Time a file against itself where each loading has an effect of its own; return that and the orders of loading."""
    orders: list[tuple[str, ...]] = []

    def rounds(calls: Any, seconds: float, **_: Any) -> Any:
        time.sleep(a_round)
        orders.append(tuple(calls))
        times = {"base": 1.0, "head": math.exp(effects[len(orders) - 1]), "copy": 1.0}
        return [{role: [one, one] for role, one in times.items()}] * 6, 4

    monkeypatch.setattr(paired_models, "time_rounds", rounds)
    base = artifact(built_store, "float32")
    return time_pair(base, base, threads=2, batch=1, seconds=0.05, load_order=LOAD_ORDERS[2]), orders


def test_a_process_loads_in_every_order_and_takes_the_mean(built_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a model lies in memory is worth several per cent, and differs from one loading to the next."""
    found, orders = loaded_with(monkeypatch, built_store, [0.06, -0.06, 0.03, 0.0, 0.0, 0.03])
    assert orders == [*LOAD_ORDERS[2:], *LOAD_ORDERS[:2]]
    assert found.effect == pytest.approx(0.01)
    assert (found.loads, found.rounds, found.load_order) == (6, 36, LOAD_ORDERS[2])


def test_slow_calls_are_loaded_once(built_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, orders = loaded_with(monkeypatch, built_store, [0.02], a_round=0.06)
    assert (found.loads, found.effect, orders) == (1, pytest.approx(0.02), [LOAD_ORDERS[2]])


def test_what_was_loaded_in_every_order_has_no_order_to_account_for() -> None:
    known: dict[str, Any] = {"effect": 0.0, "control": 0.0, "rounds": 6, "calls": 1, "seconds": 1.0}
    once = [PairedTiming(load_order=order, **known) for order in LOAD_ORDERS]
    often = [PairedTiming(load_order=order, loads=6, **known) for order in LOAD_ORDERS]
    assert load_places(often, "head").shape == (6, 0)
    mixed = load_places([*often, *once], "head")
    assert mixed.shape == (12, 2)
    assert not mixed[:6].any()
    assert mixed[6:].any()


def test_on_two_threads_the_clock_is_wall_clock(built_store: Path) -> None:
    base = artifact(built_store, "float32")
    assert time_pair(base, base, threads=2, batch=1, seconds=0.01, load_order=ROLES).clock == "wall"


@pytest.mark.slow
def test_a_keras_file_is_timed_in_predict_beside_a_tflite_file(built_store: Path) -> None:
    keras, tflite = stored(built_store, "train mnist_conv"), artifact(built_store, "float32")
    found = run_process(keras, tflite, number=1, threads=1, batch=2, seconds=0.05)
    assert found.load_order == LOAD_ORDERS[1]
    assert (found.calls, found.rounds >= 5) == (1, True), "a block is as many calls as fit, and at least one"
    assert found.clock == "wall", "TensorFlow's own threads do part of the work"
    assert found.effect < math.log(0.5), "predict() of two samples takes many times as long"
    assert math.isfinite(found.control)


def test_what_cannot_be_timed_is_said_by_the_child_in_one_line(built_store: Path, tmp_path: Path) -> None:
    base = artifact(built_store, "float32")
    (tmp_path / "half.tflite").write_bytes(base.read_bytes()[:1000])
    with pytest.raises(ArtifactError, match=r"half\.tflite is damaged"):
        run_process(base, tmp_path / "half.tflite", number=0)
    with pytest.raises(ArtifactError, match="cannot be copied"):
        run_process(tmp_path / "none.tflite", base, number=1)


def test_no_role_has_a_longer_path(built_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what a path shifts in memory is taken for a difference of models, or for a control that moved."""
    opened: list[Path] = []

    def runner(path: Path, **options: Any) -> TFLiteRunner:
        opened.append(path)
        return TFLiteRunner(path, **options)

    monkeypatch.setattr("optkit.runtime.TFLiteRunner", runner)
    head = tmp_path / f"{'long' * 20}.tflite"
    head.write_bytes(artifact(built_store, "int8").read_bytes())
    time_pair(artifact(built_store, "float32"), head, threads=1, batch=1, seconds=1.5, load_order=ROLES)
    assert [path.name for path in opened] == [f"{role}.tflite" for order in LOAD_ORDERS for role in order]
    assert len({len(str(path.parent)) for path in opened}) == 1
    assert len({path.parent for path in opened[:3]}) == 1


def test_a_child_that_dies_is_told(built_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optkit.process.children.sys.executable", "/bin/false")
    with pytest.raises(ArtifactError, match="ended with code 1 and said: nothing"):
        run_process(Path("a"), Path("b"), number=0)


HEAVY = ("tensorflow", "keras", "tf_keras", "scipy", "pandas", "h5py", "PIL", "pytest", "requests", "pooch")


def test_the_process_that_times_imports_little(tmp_path: Path) -> None:
    """What it imports is paid for by every one of many processes, as long as half of the timing if it were all."""
    base = tmp_path / "model.tflite"
    base.write_bytes(REFERENCE.read_bytes())
    same = {"threads": 1, "batch": 1, "seconds": 0.001, "load_order": ROLES}
    request = {"base": str(base), "head": str(base), **same}
    command = [sys.executable, "-X", "importtime", *own_code("optkit.measure.paired_worker")]
    done = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True)
    assert json.loads(done.stdout.splitlines()[-1])["loads"] >= 1, done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time")}
    assert "optkit.measure.paired" in imported
    assert not imported & {"optkit.build", "optkit.spec", "optkit.data", "optkit.judge", "optkit.measure.accuracy"}
    assert not {name.partition(".")[0] for name in imported} & set(HEAVY)


def test_the_process_that_times_is_of_the_same_optkit(tmp_path: Path) -> None:
    """Catches a worker that takes another optkit than its parent, such as one that is installed."""
    package = tmp_path / "here" / "optkit"
    shutil.copytree(Path(optkit.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "measure" / "paired_models.py").write_text("def time_pair(*_, **__): return {'mine': __file__}")
    request = json.dumps({"base": "a", "head": "b", "batch": 1})
    command = [sys.executable, str(package / "process" / "own.py"), "optkit.measure.paired_worker"]
    env = {**os.environ, "PYTHONPATH": str(GUARD)}  # as in a checkout that is not installed
    done = subprocess.run(command, input=request, capture_output=True, text=True, env=env)
    assert json.loads(done.stdout) == {"mine": str(package / "measure" / "paired_models.py")}, done.stderr
