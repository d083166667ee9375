"""What is kept of a file on a target: a refusal is an answer; a crash, or what took too long, is tried again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optkit.build.artifact import Artifact
from optkit.build.store import Store
from optkit.data import Dataset
from optkit.errors import ArtifactError
from optkit.measure import targets
from optkit.measure.targets import Samples, TargetFacts, measure_target
from optkit.runtime.micro_says import Refused
from optkit.spec.bounds import Bound
from optkit.spec.target import LiteRTTarget

TARGET = LiteRTTarget(name="cpu", limits=(Bound(kind="max", quantity="flash_bytes", value=10),))


def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *answers: Any) -> list[TargetFacts]:
    """Measure one file once for each answer, with one store."""
    left = list(answers)

    def answer(target: Any, artifact: Any) -> TargetFacts:
        one = left.pop(0)
        if isinstance(one, Exception):
            raise one
        return TargetFacts(target="", by="", figures={"flash_bytes": one})

    monkeypatch.setattr(targets, "_on_litert", answer)
    path = tmp_path / "model.tflite"
    path.write_bytes(b"x")
    artifact = Artifact(
        variant="int8",
        kind="tflite",
        path=path,
        key="k",
        sha256="s",
        file_bytes=1,
        zip_bytes=1,
        spec={},
        source=None,
        notes=(),
    )
    x, y = np.zeros((1, 2), np.float32), np.zeros(1, np.int64)
    data = Dataset(name="d", origin="here", digest="d" * 64, classes=1, x_train=x, y_train=y, x_test=x, y_test=y)
    samples, store = Samples(dataset=data, task="multiclass"), Store(tmp_path / "store")
    return [measure_target(TARGET, artifact, samples, store) for _ in answers]


def test_a_crash_is_not_kept_and_a_figure_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = measured(tmp_path, monkeypatch, ArtifactError("it crashed"), 5.0, 7.0)
    assert (first.refused, first.figures) == ("it crashed", {})
    assert (second.refused, second.figures) == ("", {"flash_bytes": 5.0})
    assert third.figures == {"flash_bytes": 5.0}, "from the store"
    assert {one.target for one in (first, second, third)} == {"cpu"}


def test_a_refusal_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = measured(tmp_path, monkeypatch, Refused("no operator X", "X"), 5.0)
    assert first.refused == second.refused == "no operator X"
