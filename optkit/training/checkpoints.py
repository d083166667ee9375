"""The state of training on disk: weights, optimizer and the epoch, as arrays in NumPy's .npz form without pickle.

Law: a checkpoint is what was saved, or it is not there. A digest covers every byte of it; whatever else stands in its
place is passed over, and replaced when training gets there.

    epoch-000002.checkpoint   one line "optkit checkpoint 1 <sha256 of the rest>", then "<epoch>\n" and the .npz
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

State = dict[str, npt.NDArray[Any]]
_MARK = "optkit checkpoint 1"
_NAMES = "epoch-*.checkpoint"


def save(folder: Path, epoch: int, model: Any, optimizer: Any) -> State:
    """Write the state after `epoch` epochs to `folder`, in place of whatever is there, and return it."""
    state = {f"weight-{i:04}": value for i, value in enumerate(model.get_weights())}
    state |= {f"optimizer-{i:04}": variable.numpy() for i, variable in enumerate(optimizer.variables)}
    arrays = io.BytesIO()
    np.savez(arrays, **state)
    content = b"%d\n" % epoch + arrays.getvalue()
    if not folder.is_dir():
        _remove(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = _path(folder, epoch)
    partial = path.with_name(f"{path.name}.part")
    _remove(partial)
    with partial.open("wb") as file:
        file.write(_head(content) + content)
        file.flush()
        os.fsync(file.fileno())
    if path.is_dir():
        _remove(path)
    partial.replace(path)
    for other in folder.iterdir():
        if other != path:
            _remove(other)
    return state


def latest(folder: Path, usable: Callable[[int, State], bool] = lambda epoch, state: True) -> tuple[int, State] | None:
    """Return the last epoch that `folder` has a `usable` state of, with the state; None when it has none."""
    for path in sorted(folder.glob(_NAMES), reverse=True) if folder.is_dir() else ():
        found = _read(path)
        if found and path == _path(folder, found[0]) and usable(*found):
            return found
    return None


def fits(state: State, model: Any, optimizer: Any) -> bool:
    """Tell whether `state` is of a model and an optimizer (new, of this kind) like these."""
    optimizer.build(model.trainable_variables)
    expected = {f"weight-{i:04}": (value.shape, value.dtype) for i, value in enumerate(model.get_weights())}
    expected |= {f"optimizer-{i:04}": (tuple(v.shape), v.numpy().dtype) for i, v in enumerate(optimizer.variables)}
    return {name: (value.shape, value.dtype) for name, value in state.items()} == expected


def restore(state: State, model: Any, optimizer: Any) -> None:
    """Give `model` and `optimizer` (new, of the same kind) the weights and variables of `state`."""
    model.set_weights([value for name, value in sorted(state.items()) if name.startswith("weight-")])
    optimizer.build(model.trainable_variables)
    values = [value for name, value in sorted(state.items()) if name.startswith("optimizer-")]
    for variable, value in zip(optimizer.variables, values, strict=True):
        variable.assign(value)


def _path(folder: Path, epoch: int) -> Path:
    return folder / _NAMES.replace("*", f"{epoch:06}")


def _head(content: bytes) -> bytes:
    return f"{_MARK} {hashlib.sha256(content).hexdigest()}\n".encode()


def _read(path: Path) -> tuple[int, State] | None:
    """Return the epoch and the state in the file at `path`, None when it is not what was saved."""
    try:
        if path.is_symlink() or not path.is_file():  # a pipe would be waited for
            return None
        head, line, content = path.read_bytes().partition(b"\n")
        if head + line != _head(content):
            return None
        epoch, _, arrays = content.partition(b"\n")
        with np.load(io.BytesIO(arrays), allow_pickle=False) as state:
            return int(epoch), dict(state)
    except (OSError, ValueError):
        return None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
