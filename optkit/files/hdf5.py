"""Check an HDF5 file before anything of it is read: it must hold its own values, and nothing else's.

Law: a dataset whose values lie in another file (external, virtual), a link that is not a plain name of an object in
the file, and a file that says it holds more than it can, are refused. HDF5 follows the first two in silence, to any
file that this process may read (HDF5 Reference Manual: H5Pset_external, H5Pset_virtual, H5Lcreate_external).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from optkit.errors import ArtifactError
from optkit.files.regular import open_file

_FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}
"""What values may pass through, by HDF5's number. Any other is a library that HDF5 would look for and load."""
_MOST_DEFLATED = 1032
"""Deflate makes no more of a byte than this (zlib's technical notes)."""
_SLACK = 1 << 16
_MOST_OBJECTS = 100_000
_DEEPEST = 64
AGAIN = "save the file again with Keras"


def open_hdf5(path: Path) -> Any:
    """Open the HDF5 file at `path` for reading, checked. Raises OSError when it is none, ArtifactError by `check`."""
    import h5py

    with open_file(path):  # not a pipe or a device
        pass
    file = h5py.File(path, "r")
    try:
        check(file, str(path), path.stat().st_size)
    except BaseException:
        file.close()
        raise
    return file


def check(file: Any, name: str, size: int) -> None:
    """Check an open h5py.File of `size` bytes, called `name` in messages, without reading a value of a dataset.

    Raises ArtifactError for external and virtual storage, soft, external and unknown links, an object that has two
    names (a loop among them), a filter that Keras does not write, and sizes that the file cannot hold.
    """
    stored = 0
    seen: set[Any] = set()
    for place, item in _objects(file, name):
        if item in seen:
            raise ArtifactError(f"{name}: {place} is a second name of another object; {AGAIN}")
        seen.add(item)
        if len(seen) > _MOST_OBJECTS:
            raise ArtifactError(f"{name} holds more than {_MOST_OBJECTS} objects; {AGAIN}")
        _check_attributes(item, name, place, size)
        if _is_dataset(item):
            stored += _check_dataset(item, name, place)
    if stored > size:
        raise ArtifactError(f"{name} of {size} bytes says that it stores {stored} bytes of values; {AGAIN}")


def _objects(file: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield every group and dataset with its place. Only plain links are followed, the deepest last."""
    import h5py

    left = [("/", file["/"], 0)]
    while left:
        place, item, depth = left.pop()
        yield place, item
        if not isinstance(item, h5py.Group):
            continue
        if depth >= _DEEPEST:
            raise ArtifactError(f"{name}: {place} is deeper than {_DEEPEST} groups; {AGAIN}")
        for key in item:
            inner = f"{place.rstrip('/')}/{key}"
            try:
                link = item.get(key, getlink=True)
            except TypeError:  # h5py's word for a kind of link that it does not know
                link = None
            if not isinstance(link, h5py.HardLink):
                kind = {h5py.SoftLink: "a soft", h5py.ExternalLink: "an external"}.get(type(link), "an unknown")
                raise ArtifactError(f"{name}: {inner} is {kind} link; expected the values themselves; {AGAIN}")
            below = item[key]
            if not isinstance(below, (h5py.Group, h5py.Dataset)):
                raise ArtifactError(f"{name}: {inner} is a {type(below).__name__}; expected arrays in groups; {AGAIN}")
            left.append((inner, below, depth + 1))


def _is_dataset(item: Any) -> bool:
    import h5py

    return isinstance(item, h5py.Dataset)


def _check_attributes(item: Any, name: str, place: str, size: int) -> None:
    for key in item.attrs:
        attribute = item.attrs.get_id(key)
        declared = _bytes(attribute.shape, attribute.dtype)
        if declared > size:
            raise ArtifactError(f"{name}: attribute {key!r} of {place} has {declared} bytes, the file {size}; {AGAIN}")


def _check_dataset(item: Any, name: str, place: str) -> int:
    """Check one dataset; return how many bytes the file says to store of it."""
    if item.is_virtual or item.external:
        where = "is virtual" if item.is_virtual else "has external storage"
        raise ArtifactError(f"{name}: {place} {where}: its values are in other files; {AGAIN}")
    plan = item.id.get_create_plist()
    filters = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
    for number in filters:
        if number not in _FILTERS:
            known = ", ".join(_FILTERS.values())
            raise ArtifactError(f"{name}: {place} uses HDF5 filter {number}; expected none, or {known}; {AGAIN}")
    stored, declared = int(item.id.get_storage_size()), _bytes(item.shape, item.dtype)
    if declared > stored * (_MOST_DEFLATED if filters else 1) + (_SLACK if filters else 0):
        raise ArtifactError(f"{name}: {place} has {declared} bytes, but {stored} are stored; {AGAIN}")
    return stored


def _bytes(shape: tuple[int, ...] | None, dtype: np.dtype[Any]) -> int:
    """Return the bytes of an array; an empty one of HDF5 has no shape."""
    return 0 if shape is None else math.prod(map(int, shape)) * dtype.itemsize
