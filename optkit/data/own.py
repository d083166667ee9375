"""The user's own data: an .npz file, a folder of images, a function, or arrays in memory.

It is read first (`read_own`), so that the task can be worked out from the labels, and then made a data set for a task
(`make_own`). Law: the digest covers every array that is used, how it is scaled, and the source of the function.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.data.dataset import Dataset, take
from optkit.data.labels import check_classes, clean_labels
from optkit.data.own_arrays import Parts, Samples, named_parts
from optkit.data.own_folder import PIXEL_SCALE, folder_parts
from optkit.data.own_function import value_parts
from optkit.data.sources import read_npz
from optkit.data.splits import share_split
from optkit.errors import DataError, OptkitError
from optkit.files.functions import is_function, load_function
from optkit.spec.metrics import Task

Array = npt.NDArray[Any]
TEST_SHARE = 0.2
IMAGE_KEYS = ("size", "channels", "channels_first")
"""What is said of images before they are read."""
_WITH_CLASSES = ("multiclass", "binary", "sequence")
_DIGEST = 1
"""Version of what the digest is made of. Raise it by hand when the same digest would mean other data."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnData:
    """Own data as they were read, before anything is known of the task.

    `parts` are the raw samples by split. `code` is the sha256 of the source of the function they come from, else
    empty. `scale` is what samples are multiplied by unless another scale is asked for. `classes`: the names of
    classes, of a folder of images, whose channels become the first axis of a sample with `channels_first`.
    """

    name: str
    origin: str
    parts: Parts
    code: str = ""
    scale: float = 1.0
    classes: tuple[str, ...] = ()
    channels_first: bool = False

    def __post_init__(self) -> None:
        """Raise DataError when a part has no samples, or not as many of every input."""
        for split, part in self.parts.items():
            place = f"{self.origin}, {split}" if split != "whole" else self.origin
            lengths = {array.shape[0] if array.ndim else None for array in part.x.values()}
            if None in lengths or len(lengths) > 1:
                raise DataError(
                    f"{place} has inputs of different lengths: {part.shapes}; give every sample all its inputs"
                )
            if lengths == {0}:
                raise DataError(f"{place} is empty: {part.shapes}; expected one sample or more to train and to test")

    @property
    def labels(self) -> Array | None:
        """The raw labels to test with, to work the task out from (`work_out_task`); None when there are none."""
        return self.parts["test" if "test" in self.parts else "whole"].y

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of one raw sample of each input by name; a single input may have the empty name."""
        some = next(iter(self.parts.values()))
        return {name: array.shape[1:] for name, array in some.x.items()}


def read_own(
    source: Any,
    *,
    folder: Path | None = None,
    allowed: Sequence[str] = (),
    size: tuple[int, int] | None = None,
    channels: int = 3,
    channels_first: bool = False,
) -> OwnData:
    """Read own data: a path of an .npz file or of a folder of images, `package.module:function`, or a value.

    Paths are relative to `folder` (that of the suite file), and modules are looked for there first. A function is
    called only when its package is among `allowed`. `size`, (height, width), and `channels` are what images are
    brought to; with `channels_first` a sample becomes (channels, height, width). A value is what a function may return:
    see `own_function.value_parts`. Raises DataError when there are no such data, they cannot be read, or hold no
    numbers; OptkitError when the function is not allowed or not there.
    """
    if not isinstance(source, (str, Path)):
        return OwnData(name="arrays", origin="arrays in memory", parts=value_parts("the data", source))
    if isinstance(source, str) and is_function(source):
        function = load_function(source, allowed, folder)
        try:
            value = function()
        except OptkitError as error:
            raise DataError(str(error)) from error
        name = re.sub(r"[^A-Za-z0-9._-]", "-", source)
        return OwnData(name=name[-100:], origin=source, parts=value_parts(source, value), code=function.digest)
    path = (folder or Path()) / Path(source).expanduser()
    name = re.sub(r"[^A-Za-z0-9._-]", "-", path.resolve().stem)[-100:]
    name = name if re.search("[A-Za-z0-9]", name) else "own"
    if path.is_dir():
        parts, classes = folder_parts(path, size, channels)
        return OwnData(
            name=name,
            origin=str(path),
            parts=parts,
            scale=PIXEL_SCALE,
            classes=classes,
            channels_first=channels_first,
        )
    if path.suffix != ".npz":
        raise DataError(
            f"{path} is {'no .npz file' if path.exists() else 'not there'}; give an .npz file (np.savez writes one), a "
            "folder of images, or 'package.module:function'"
        )
    return OwnData(name=name, origin=str(path), parts=named_parts(str(path), read_npz(path)))


def make_own(
    raw: OwnData,
    task: Task,
    *,
    classes: int | None = None,
    test_share: float | None = None,
    seed: int = 0,
    scale: float | None = None,
    mean: Sequence[float] = (0.0,),
    std: Sequence[float] = (1.0,),
) -> Dataset:
    """Check own data for a task, split them where they are not split, scale them, and make a Dataset.

    `classes` is how many classes the model knows; without it, what the labels say. Data that are not split are split
    with `seed`: `test_share` of them (0.2), of every class where there are classes. A sample becomes
    (x * scale - mean) / std, float32; one mean and std, or one for each place of the last axis. Without any of the
    three it stays as it is; images are scaled to 0..1. Raises DataError when a split is empty, lengths differ, labels
    cannot be, or a figure is out of range.
    """
    parts = _split(raw, task, test_share, seed)
    scale = raw.scale if scale is None else scale
    y = {split: _labels(f"{raw.origin}: y_{split}", part, task) for split, part in parts.items()}
    known = _classes(raw, y, task, classes)
    if len(y["test"]) == 0 and task != "reconstruction":
        raise DataError(f"{raw.origin} has no labels to test with ({parts['test'].shapes}); add y_test")
    origin = raw.origin if "test" in raw.parts else f"{raw.origin} ({_share(test_share):.0%} to test, seed {seed})"
    x = {split: _ordered(raw, _scaled(raw.origin, part.x, scale, mean, std)) for split, part in parts.items()}
    groups = parts["test"].groups
    return Dataset(
        name=raw.name,
        origin=origin,
        digest=_digest(raw, parts, (scale, tuple(mean), tuple(std), *(["channels first"] * raw.channels_first))),
        classes=known,
        x_train=x["train"],
        y_train=y["train"],
        x_test=x["test"],
        y_test=y["test"],
        task=task,
        group_test=None if groups is None else _checked_groups(raw.origin, groups, parts["test"], y["test"]),
    )


def _share(test_share: float | None) -> float:
    return TEST_SHARE if test_share is None else test_share


def _split(raw: OwnData, task: Task, test_share: float | None, seed: int) -> Parts:
    """Return the parts as `train` and `test`, neither of them empty, each with as many samples of every input."""
    if "whole" not in raw.parts:
        if test_share is not None:
            raise DataError(f"{raw.origin} is split already, so test_share does not apply; drop it")
        return raw.parts
    share, whole = _share(test_share), raw.parts["whole"]
    if not 0 < share < 1:
        raise DataError(f"test_share is {share}; expected a fraction between 0 and 1")
    y = None if whole.y is None else clean_labels(f"{raw.origin}: y", whole.y, _first(whole).shape, task)
    by_class = y if y is not None and y.ndim == 1 and task in ("multiclass", "binary", "reconstruction") else None
    places = share_split(len(_first(whole)), share, seed, by_class)
    if not all(map(len, places)):
        raise DataError(f"{raw.origin} has {len(_first(whole))} samples; expected two or more, to train and to test")
    return {
        split: Samples(x=take(whole.x, found), y=y[found] if y is not None and len(y) else None)
        for split, found in zip(("train", "test"), places, strict=True)
    }


def _first(part: Samples) -> Array:
    return next(iter(part.x.values()))


def _labels(place: str, part: Samples, task: Task) -> Array:
    return np.empty(0, np.int64) if part.y is None else clean_labels(place, part.y, _first(part).shape, task)


def _classes(raw: OwnData, y: dict[str, Array], task: Task, classes: int | None) -> int:
    if task not in _WITH_CLASSES:
        return 0
    seen = 1 + max((int(found.max()) for found in y.values() if found.size), default=0)
    known = 2 if task == "binary" else max(2, seen, len(raw.classes)) if classes is None else classes
    for split, found in y.items():
        check_classes(f"{raw.origin}: y_{split}", found, known)
    return known


def _scaled(
    origin: str, x: Mapping[str, Array], scale: float, mean: Sequence[float], std: Sequence[float]
) -> Array | dict[str, Array]:
    """Return the samples as they are, or (x * scale - mean) / std in float32; of several inputs only as they are."""
    plain = scale == 1 and not any(mean) and all(value == 1 for value in std)
    single = next(iter(x.values())) if len(x) == 1 else None
    if plain:
        return single if single is not None and "" in x else dict(x)
    if single is None:
        raise DataError(f"{origin} has {len(x)} inputs, so scale, mean and std do not apply; scale them in the data")
    for name, values in (("scale", (scale,)), ("mean", mean), ("std", std)):
        if len(values) not in (1, single.shape[-1]) or not np.isfinite(values).all():
            raise DataError(
                f"{name} is {list(values)}; expected one finite number, or one for each of {single.shape[-1]}"
            )
    if scale == 0 or not all(value > 0 for value in std):
        raise DataError(f"scale is {scale} and std is {list(std)}; expected a scale other than 0, and std above 0")
    done: Array = np.multiply(single, scale, dtype=np.float32)
    if any(mean):
        done -= np.asarray(mean, np.float32)
    if any(value != 1 for value in std):
        done /= np.asarray(std, np.float32)
    return done if "" in x else {next(iter(x)): done}


def _ordered(raw: OwnData, x: Array | dict[str, Array]) -> Array | dict[str, Array]:
    """Return samples with their channels where the model takes them."""
    return np.ascontiguousarray(np.moveaxis(np.asarray(x), -1, 1)) if raw.channels_first else x


def _checked_groups(origin: str, groups: Array, part: Samples, y: Array) -> Array:
    if groups.shape != (len(_first(part)),) or groups.dtype.kind not in "iu":
        raise DataError(f"{origin}: group_test is {groups.dtype} {groups.shape}; expected whole numbers, one a sample")
    if y.ndim == 1 and len(y):
        pairs = np.unique(np.stack([groups.astype(np.int64), y.astype(np.int64)]), axis=1)
        if len(np.unique(pairs[0])) != pairs.shape[1]:
            raise DataError(f"{origin}: samples of one group in group_test have different labels; give them one")
    return groups.astype(np.int64)


def _digest(raw: OwnData, parts: Parts, scaling: tuple[Any, ...]) -> str:
    """Return the sha256 of every array in use, of the scaling, and of the function's source."""
    found = hashlib.sha256(f"own {_DIGEST}\ncode {raw.code}\nscaling {scaling}\n".encode())
    for split in ("train", "test"):
        part = parts[split]
        arrays = [(f"x_{name}", array) for name, array in sorted(part.x.items())]
        arrays += [(name, array) for name, array in (("y", part.y), ("group", part.groups)) if array is not None]
        for name, array in arrays:
            whole = np.ascontiguousarray(array)
            found.update(f"{split} {name} {whole.dtype.str} {whole.shape}\n".encode())
            found.update(whole.data if whole.size else b"")
    return found.hexdigest()


def load_own(source: Any, task: Task, **options: Any) -> Dataset:
    """Read own data and make them a data set: `read_own` and `make_own`, each with those of `options` that it takes."""
    reading = {name: options.pop(name) for name in ("folder", "allowed", *IMAGE_KEYS) if name in options}
    return make_own(read_own(source, **reading), task, **options)
