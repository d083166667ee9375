"""Checkpoints on disk: what is not what was saved is not there, and never in the way."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from optkit.spec import Training
from optkit.training.checkpoints import fits, latest, save
from optkit.training.fit import fit
from tests.builders import Killed, die_after
from tests.techniques.training_helpers import context, sequential


def state(folder: Path, epoch: int = 2) -> Path:
    """Save a tiny state and return its file."""
    model = SimpleNamespace(get_weights=lambda: [np.arange(3, dtype=np.float32), np.zeros((1, 2), np.float32)])
    save(folder, epoch, model, SimpleNamespace(variables=[]))
    (path,) = folder.iterdir()
    return path


def test_it_is_read_back(tmp_path: Path) -> None:
    state(tmp_path)
    found = latest(tmp_path)
    assert found is not None
    assert found[0] == 2
    np.testing.assert_array_equal(found[1]["weight-0000"], [0, 1, 2])


def test_any_flipped_bit_or_cut_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    path = state(tmp_path)
    content = path.read_bytes()
    for place in range(0, 8 * len(content), 5):
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        assert latest(tmp_path) is None, f"bit {place}"
    for length in range(0, len(content), 3):
        path.write_bytes(content[:length])
        assert latest(tmp_path) is None, f"cut to {length}"
    path.write_bytes(content + b"\0")
    assert latest(tmp_path) is None
    path.write_bytes(content)
    assert latest(tmp_path) is not None


def test_one_under_another_epochs_name_is_not_there(tmp_path: Path) -> None:
    path = state(tmp_path)
    path.rename(path.with_name(path.name.replace("2", "4")))
    assert latest(tmp_path) is None


KINDS: dict[str, Callable[[Path], object]] = {
    "folder": lambda path: (path / "x").mkdir(parents=True),
    "pipe": lambda path: os.mkfifo(path),
    "link": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_in_its_place_is_passed_over_and_replaced(tmp_path: Path, kind: str) -> None:
    path = state(tmp_path)
    path.unlink()
    KINDS[kind](path)
    KINDS[kind](path.with_name(f"{path.name}.part"))
    assert latest(tmp_path) is None
    assert state(tmp_path) == path
    assert latest(tmp_path) is not None


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "scratch"
    folder.write_text("no folder")
    assert latest(folder) is None
    state(folder)
    assert latest(folder) is not None


def recipe(**more: Any) -> Training:
    return Training(epochs=2, batch_size=64, checkpoint_epochs=1, **more)


@pytest.mark.slow
def test_training_over_a_checkpoint_of_another_kind_ends_as_if_it_was_never_interrupted(tmp_path: Path) -> None:
    from optkit.keras.tensorflow import make_deterministic

    def trained(folder: Path) -> Any:
        make_deterministic(1)
        model = sequential()
        fit(model, recipe(), context(checkpoints=folder))
        return model

    whole = trained(tmp_path / "whole")
    with pytest.raises(Killed):
        fit(sequential(), recipe(optimizer="sgd"), context(checkpoints=tmp_path / "cut", on_epoch=die_after(2)))
    assert latest(tmp_path / "cut") is not None
    again = trained(tmp_path / "cut")
    for a, b in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_state_of_another_model_does_not_fit(tmp_path: Path) -> None:
    from optkit.keras.tensorflow import load_keras

    adam = load_keras().optimizers.Adam
    model, optimizer = sequential(), adam()
    optimizer.build(model.trainable_variables)
    saved = save(tmp_path, 1, model, optimizer)
    assert fits(saved, sequential(), adam())
    assert not fits({**saved, "weight-9999": np.zeros(1)}, sequential(), adam())
    assert not fits({name: value for name, value in saved.items() if name != "optimizer-0000"}, sequential(), adam())
