"""What tuning recommends: on simulated processes with known ratios, and once for real."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optkit import OptkitError, Tuning, tune
from optkit.cli import main
from optkit.errors import ArtifactError
from optkit.judge import tune as tuning
from optkit.judge.tolerances import Tolerances
from optkit.report.tune import tuning_text
from optkit.runtime.attempt import Attempt
from optkit.runtime.chosen import check_running
from optkit.runtime.litert_settings import TUNABLE
from optkit.spec.running import Running, said
from tests.builders import process
from tests.tflite.models import crashing_model
from tests.tflite.networks import classifier, written

SLOW = {said(settings): 1.0 for settings in TUNABLE}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return written(tmp_path / "model.tflite", classifier())


def simulate(patch: pytest.MonkeyPatch, ratios: dict[str, float], *, noise: float = 0.004, seed: int = 0) -> None:
    """Let each setting take `ratios` times as long as the defaults, and run nothing."""
    rng = np.random.default_rng(seed)

    def timed(base: Path, head: Path, *, number: int, running: dict[str, Running], **more: Any) -> Any:
        ratio = ratios[said(running["head"].settings)]
        assert running["base"].plain
        return process(number, math.log(ratio) + rng.normal(0, noise), rng.normal(0, noise), loads=6)

    def tried(path: Path, running: Running, **more: Any) -> Attempt:
        if said(running.settings) not in {"defaults", *ratios}:
            return Attempt(refusal="it cannot be run so")
        return Attempt(outputs={"y": np.array([0.0, 1.0, 2.0 + (not running.plain) * 0.02], np.float32)})

    patch.setattr(tuning, "run_process", timed)
    patch.setattr(tuning, "attempt", tried)


def test_the_fastest_that_is_surely_faster_is_recommended(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third, *_ = SLOW
    simulate(monkeypatch, {**SLOW, first: 0.88, second: 0.82, third: 5.0})
    found = tune(model, mode="single_batch")
    assert said(found.best) == second
    assert found.chosen
    assert found.chosen.ratio == pytest.approx(0.82, rel=0.02)
    assert found.chosen.difference == pytest.approx(0.01, rel=1e-3)
    by_name = {one.name: one for one in found.tried}
    assert by_name[third].judgement is None, "what is five times as slow is not tested any longer"
    assert by_name[third].ratio == pytest.approx(5.0, rel=0.05)
    text = tuning_text(found, Tolerances(), width=100)
    assert f"Use {second}: its time is 18" in text
    assert "measure its accuracy before you ship it" in " ".join(text.split())


def test_without_a_faster_one_the_defaults_are_recommended(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And hardly ever anything else: a rate of false alarms of one in a hundred, for all settings together."""
    found: Counter[bool] = Counter()
    for seed in range(60):
        simulate(monkeypatch, SLOW, noise=0.01, seed=seed)
        found[bool(tune(model).best)] += 1
    assert found[True] <= 2
    simulate(monkeypatch, {**SLOW, next(iter(SLOW)): 0.99})
    one = tune(model)
    assert one.best == {}, "1 % is below the margin"
    assert "Use the defaults" in tuning_text(one, Tolerances(), width=100)


def test_what_cannot_run_is_named_and_the_rest_is_tuned(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, *others = SLOW
    simulate(monkeypatch, {first: 0.8, second: 1.0})
    found = tune(model)
    assert said(found.best) == first
    assert [one.name for one in found.tried if one.refusal] == others
    assert f"not run: {others[0]}: it cannot be run so" in " ".join(tuning_text(found, Tolerances(), width=100).split())


def test_bad_input(model: Path, tmp_path: Path) -> None:
    with pytest.raises(OptkitError, match="expected single_sample or single_batch"):
        tune(model, mode="full_set")  # type: ignore[arg-type]
    with pytest.raises(OptkitError, match="runtime 'keras' has nothing to tune"):
        tune(model, runtime="keras")
    with pytest.raises(ArtifactError, match=r"nowhere\.tflite"):
        tune(tmp_path / "nowhere.tflite")
    with pytest.raises(ArtifactError, match="crashed"):
        tune(written(tmp_path / "crashing.tflite", crashing_model()))


def test_a_real_file_is_tuned_by_the_command(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole way, in real processes: two settings, one process each, so nothing can be shown."""
    only = ({"kernels": "builtin"}, {"api": "compiled_model"})
    runtime = check_running(Running())
    monkeypatch.setattr(tuning, "check_running", lambda running: _with(runtime, only))
    code = main(["tune", str(model), "--mode", "single_batch", "--budget", "0.1", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert (code, found["schema"]) == (0, 1)
    (one,) = found["tunings"]
    assert (one["mode"], one["samples"], one["threads"], one["best"]) == ("single_batch", 32, 1, {})
    assert [tried["settings"] for tried in one["tried"]] == list(only)
    for tried in one["tried"]:
        assert tried["ratio"] > 0
        assert tried["difference"] < 1e-4
    assert one["seconds"] > 0


def _with(runtime: Any, tunable: Any) -> Any:
    import dataclasses

    return dataclasses.replace(runtime, tunable=tunable)


def test_a_tuning_says_what_to_use() -> None:
    empty = Tuning(
        path="m", mode="single_sample", threads=1, samples=1, runtime="litert", version="2", seconds=1e-5, tried=()
    )
    assert empty.best == {}
