"""Data that a function of the user's returns, or that stand in memory: arrays, tf.data, generators with a length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.data.labels import numbers
from optkit.data.own_arrays import Parts, Samples, named_parts
from optkit.errors import DataError
from optkit.files.functions import described

Array = npt.NDArray[Any]
FORMS = (
    "expected (x_train, y_train, x_test, y_test), ((x_train, y_train), (x_test, y_test)), arrays by name in a dict, "
    "{'train': …, 'test': …}, (x, y), a tf.data.Dataset, or a generator with its length: (generator, samples)"
)
_Columns = dict[tuple[str, str], list[Array]]


def value_parts(place: str, value: Any) -> Parts:
    """Return what a function returned as raw data by split; `place` says in errors where it is from.

    A split is `(x, y)`, a tf.data.Dataset of samples or of batches, `(generator, samples)`, or an object that knows its
    length and yields or indexes samples (Keras' sequences: batches). `x` is an array, or of several inputs a dict of
    arrays by name. Raises DataError when it is none of these, a generator ends early or raises, samples differ in
    shape, or an array holds no numbers.
    """
    if isinstance(value, Mapping):
        test = next((name for name in ("test", "val", "validation") if name in value), None)
        if "train" in value and test:
            return {"train": _part(f"{place}, train", value["train"]), "test": _part(f"{place}, test", value[test])}
        return named_parts(place, value)
    if isinstance(value, tuple) and len(value) == 4:
        return {
            split: _arrays(f"{place}, {split}", *value[first : first + 2])
            for split, first in (("train", 0), ("test", 2))
        }
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(p, tuple) or _is_stream(p) for p in value):
        return {split: _part(f"{place}, {split}", part) for split, part in zip(("train", "test"), value, strict=True)}
    return {"whole": _part(place, value)}


def _part(place: str, value: Any) -> Samples:
    if isinstance(value, tuple) and len(value) == 2:
        if isinstance(value[1], (int, np.integer)) and _is_iterable(value[0]):
            return _gathered(place, _iterated(place, value[0]), int(value[1]), False)
        return _arrays(place, *value)
    if hasattr(value, "as_numpy_iterator"):
        return _from_tf_data(place, value)
    if _is_stream(value) and hasattr(value, "__len__"):
        return _gathered(place, _iterated(place, value), len(value), hasattr(value, "on_epoch_end"))
    if isinstance(value, np.ndarray):
        return _arrays(place, value, None)
    if hasattr(value, "__next__"):
        raise DataError(f"{place} is a generator without a length; return it with one: (generator, samples)")
    raise DataError(f"{place} is a {type(value).__name__}; {FORMS}")


def _is_iterable(value: Any) -> bool:
    return hasattr(value, "__iter__") and not isinstance(value, np.ndarray)


def _is_stream(value: Any) -> bool:
    """Tell whether a value gives samples one after the other: tf.data, a generator, a sequence of samples."""
    if isinstance(value, (np.ndarray, Mapping, tuple, list, str, bytes)) or hasattr(value, "__array__"):
        return False
    return any(hasattr(value, name) for name in ("as_numpy_iterator", "__next__", "__iter__")) or (
        hasattr(value, "__getitem__") and hasattr(value, "__len__")
    )


def _arrays(place: str, x: Any, y: Any) -> Samples:
    if isinstance(x, tuple):
        raise DataError(f"{place} has {len(x)} inputs without names; give them in a dict, by the model's input names")
    named = x if isinstance(x, Mapping) else {"": x}
    if not named:
        raise DataError(f"{place} has no inputs; {FORMS}")
    found = {str(name): numbers(f"{place}: x{f'_{name}' if name else ''}", array) for name, array in named.items()}
    return Samples(x=found, y=None if y is None else numbers(f"{place}: y", y))


def _iterated(place: str, value: Any) -> Iterator[Any]:
    """Yield what `value` gives. Raises DataError, saying after how many, when it raises."""
    items = iter(value) if hasattr(value, "__iter__") else (value[i] for i in range(len(value)))
    at = 0
    while True:
        try:
            item = next(items)
        except StopIteration:
            return
        except Exception as error:
            raise DataError(f"{place} raised {described(error)} after {at} items; mend it") from error
        at += 1
        yield item


def _from_tf_data(place: str, data: Any) -> Samples:
    batched = _is_batched(place, data.element_spec)
    if int(data.cardinality()) == -1:  # tf.data.INFINITE_CARDINALITY
        raise DataError(f"{place} is a tf.data.Dataset that never ends; drop repeat(), or add take(n)")
    return _gathered(place, _iterated(place, data.as_numpy_iterator()), None, batched)


def _is_batched(place: str, spec: Any) -> bool:
    """Tell batches from samples: batches have a first axis of any size; labels of single samples often have none."""
    ranks_and_sizes = [_first_axis(place, part) for part in _leaves(spec)]
    if all(rank and size is None for rank, size in ranks_and_sizes):
        return True
    if isinstance(spec, tuple) and len(spec) == 2 and _first_axis(place, spec[1])[0] == 0:
        return False
    if not isinstance(spec, tuple):
        return False
    raise DataError(
        f"{place} is a tf.data.Dataset of which nobody can tell whether it gives samples or batches ({spec}); end it "
        "with .batch(32), without drop_remainder"
    )


def _leaves(spec: Any) -> Iterator[Any]:
    if isinstance(spec, Mapping):
        spec = tuple(spec.values())
    if isinstance(spec, tuple):
        for part in spec:
            yield from _leaves(part)
    else:
        yield spec


def _first_axis(place: str, spec: Any) -> tuple[int, int | None]:
    """Return the rank of a tensor of tf.data, and the size of its first axis, None when that varies."""
    shape = getattr(spec, "shape", None)
    if shape is None or shape.rank is None:
        raise DataError(f"{place} is a tf.data.Dataset of {spec}; expected tensors of a known rank")
    return int(shape.rank), (shape[0] if shape.rank else None)


def _gathered(place: str, items: Iterable[Any], length: int | None, batched: bool) -> Samples:
    """Return the samples, or batches of them, that `items` gives: `length` of them when that is known."""
    columns: _Columns = {}
    got = 0
    for item in items:
        if length is not None and got == length:
            break
        _add(place, columns, _columns_of(place, item), got, batched)
        got += 1
    if length is not None and got < length:
        raise DataError(f"{place} ended after {got} of {length} {'batches' if batched else 'samples'}; mend its length")
    if not got:
        raise DataError(f"{place} gave no samples; expected one or more")
    join = np.concatenate if batched else np.stack
    arrays = {key: join(found) for key, found in columns.items()}
    return Samples(x={name: array for (kind, name), array in arrays.items() if kind == "x"}, y=arrays.get(("y", "")))


def _columns_of(place: str, item: Any) -> dict[tuple[str, str], Array]:
    if isinstance(item, (tuple, list)) and len(item) != 2:
        raise DataError(f"{place} gives {len(item)} values a sample; expected (x, y), or x alone")
    x, y = item if isinstance(item, (tuple, list)) else (item, None)
    found = _arrays(place, x, y)
    columns = {("x", name): array for name, array in found.x.items()}
    return columns if found.y is None else {**columns, ("y", ""): found.y}


def _add(place: str, columns: _Columns, new: Mapping[tuple[str, str], Array], at: int, batched: bool) -> None:
    if at and set(new) != set(columns):
        raise DataError(f"{place}: item {at} has not the same inputs and labels as the first; give all of them alike")
    for key, array in new.items():
        first = columns.setdefault(key, [array])[0]
        skipped = 1 if batched else 0
        if array.shape[skipped:] != first.shape[skipped:] or (batched and not array.ndim):
            raise DataError(f"{place}: item {at} has shape {array.shape} and the first {first.shape}; make them alike")
        if at:
            columns[key].append(array)
