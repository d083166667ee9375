"""Stages: which kinds a chain is made of, and that the builder asks each of them alike."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import pytest

from optkit import Store, Suite, build_variants, find_variants, load_suite
from optkit.build.stage import TFLITE, Form, Stage
from optkit.build.stages import stages
from optkit.data import Dataset
from optkit.suites import read_suite

MODEL = {"schema": 2, "name": "own", "data": "data.npz", "task": "multiclass"}


def kinds(last: Stage) -> list[str]:
    return [type(stage).__name__ for stage in last.chain]


def test_a_networks_chain_trains_applies_and_converts(tiny_suite: Path) -> None:
    suite = load_suite(str(tiny_suite))
    chains = {variant.name: stages(suite, variant, "data") for variant in suite.variants}
    assert kinds(chains["pruned_qat"]) == ["Train", "Apply", "Apply", "Convert"]
    assert kinds(chains["baseline"]) == ["Train"]
    assert all(stage.needs_tensorflow for stage in chains["pruned_qat"].chain)
    trains = [bool(stage.recipe) for stage in chains["pruned_qat"].chain]
    assert trains == [True, True, True, False]


@pytest.mark.parametrize(
    ("name", "chains", "tensorflow"),
    [
        ("model.tflite", {"float32": ["ReadTflite"], "int8": ["ReadTflite", "ConvertTflite"]}, []),
        (
            "model.h5",
            {"int8": ["ReadTflite", "ConvertTflite"], "pruned_int8": ["Read", "Apply", "Convert"]},
            ["ReadTflite", "Read", "Apply", "Convert"],
        ),
    ],
)
def test_the_users_own_model_is_read_in_the_form_that_the_chain_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, chains: dict[str, list[str]], tensorflow: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    if name.endswith(".h5"):
        with h5py.File(name, "w") as file:  # its key is of its bytes and its version of Keras: no stage is made here
            file.attrs["keras_version"] = "2.15.0"
    else:
        Path(name).write_bytes(b"a model")
    suite = read_suite({**MODEL, "model": name, "variants": [one for one in chains if one != "float32"]})
    found = {one: stages(suite, suite.variant(one), "data") for one in chains}
    assert {one: kinds(last) for one, last in found.items()} == chains
    needing = {type(s).__name__ for last in found.values() for s in last.chain if s.needs_tensorflow}
    assert needing == set(tensorflow)


@dataclass(frozen=True, kw_only=True)
class Written(Stage):
    """A stage of a kind that the builder has never seen."""

    text: bytes
    form: ClassVar[Form] = TFLITE

    def make(self, model: Any, context: Any) -> bytes:
        context.note(f"after {model!r}")
        return (model or b"") + self.text

    @property
    def needs_tensorflow(self) -> bool:
        return False


def test_the_builder_asks_any_stage_to_make_and_keeps_what_it_returns(
    tiny_suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a builder that knows the kinds of stages and does their work itself."""
    first = Written(label="first", spec={"steps": ["first"]}, text=b"one ")
    last = Written(label="last", spec={"steps": ["first", "last"]}, parent=first, text=b"two")
    monkeypatch.setattr("optkit.build.builder.stages", lambda *_: last)
    suite: Suite = load_suite(str(tiny_suite))
    x, y = np.zeros((4, 28, 28), np.float32), np.zeros(4, np.int64)
    arrays: dict[str, Any] = {"x_train": x, "y_train": y, "x_test": x, "y_test": y}
    data = Dataset(name="mnist", origin="test", digest="0" * 64, classes=10, **arrays)
    store = Store(tmp_path / "store")

    for build in (build_variants, find_variants):
        found = build(suite, [suite.variant("int8")], data, store)["int8"]
        assert found.path.read_bytes() == b"one two"
        assert found.notes == ("first: after None", "last: after b'one '")
        assert found.source is None
