"""The state of training on disk: weights, optimizer and the epoch, as arrays in .npz files without pickle.

Law: a checkpoint is whole or not there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.archives import read_npz

State = dict[str, npt.NDArray[Any]]


def save(folder: Path, epoch: int, model: Any, optimizer: Any) -> State:
    """Write the state after `epoch` epochs to `folder`, in place of earlier ones, and return it."""
    state = {f"weight-{i:04}": value for i, value in enumerate(model.get_weights())}
    state |= {f"optimizer-{i:04}": variable.numpy() for i, variable in enumerate(optimizer.variables)}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"epoch-{epoch:06}.npz"
    partial = path.with_name(f"{path.name}.tmp")
    with partial.open("wb") as file:
        np.savez(file, **state)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    for older in folder.glob("epoch-*.npz"):
        if older < path:
            older.unlink()
    return state


def latest(folder: Path) -> tuple[int, State] | None:
    """Return the last epoch that `folder` has the state of, with the state; None when it has none."""
    for path in sorted(folder.glob("epoch-*.npz"), reverse=True):
        try:
            return int(path.stem.removeprefix("epoch-")), read_npz(path)
        except (OSError, ValueError):
            continue  # of a machine that went down; train from an earlier one, or from the start
    return None


def restore(state: State, model: Any, optimizer: Any) -> None:
    """Give `model` and `optimizer` (new, of the same kind) the weights and variables of `state`."""
    model.set_weights([value for name, value in sorted(state.items()) if name.startswith("weight-")])
    optimizer.build(model.trainable_variables)
    values = [value for name, value in sorted(state.items()) if name.startswith("optimizer-")]
    for variable, value in zip(optimizer.variables, values, strict=True):
        variable.assign(value)
