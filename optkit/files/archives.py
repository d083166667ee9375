"""Check a ZIP archive (.npz, .keras) before anything of it is read.

Law: an archive holds the members that its kind has, each once, under a plain name, and no more than its bytes can hold.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from optkit.files.regular import open_file
from optkit.names import has_control

KERAS_MEMBERS = ("config.json", "metadata.json", "model.weights.h5")
_MOST_DEFLATED = 1032
"""Deflate makes no more of a byte than this (zlib's technical notes)."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1


class ArchiveError(ValueError):
    """An archive is damaged, or is not what its kind of file is."""


def read_keras(path: Path) -> dict[str, bytes]:
    """Return the members of a .keras archive by name. Raises OSError, or ArchiveError when it holds anything else."""
    return _read(path, lambda name: name in KERAS_MEMBERS, f"expected only {', '.join(KERAS_MEMBERS)}", _content)


def read_npz(path: Path, most: int | None = None) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an .npz archive by name, without pickles; of `most` bytes together, when that is given.

    Raises OSError, ArchiveError.
    """
    found = _read(path, _is_array_name, "expected arrays, such as layer/weight.npy", _array, most)
    return {name.removesuffix(".npy"): array for name, array in found.items()}


def _is_array_name(name: str) -> bool:
    parts = name.split("/")
    return name.endswith(".npy") and not {"", ".", ".."} & set(parts) and "\\" not in name and not has_control(name)


def _read(
    path: Path,
    expected: Callable[[str], bool],
    hint: str,
    read: Callable[[zipfile.ZipFile, zipfile.ZipInfo], Any],
    most: int | None = None,
) -> dict[str, Any]:
    with open_file(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                _check(archive, path.stat().st_size, expected, hint)
                found = sum(member.file_size for member in archive.infolist())
                if most is not None and found > most:
                    raise ArchiveError(f"its arrays take {found} bytes; expected at most {most}")
                return {member.filename: read(archive, member) for member in archive.infolist()}
        except (ArchiveError, OSError):
            raise
        except Exception as error:  # zipfile and numpy raise many kinds for damaged bytes, zlib.error to EOFError
            raise ArchiveError(f"it is damaged: {str(error) or type(error).__name__}") from error


def _check(archive: zipfile.ZipFile, size: int, expected: Callable[[str], bool], hint: str) -> None:
    seen: set[str] = set()
    stored = 0
    for member in archive.infolist():
        name = member.filename
        if name != member.orig_filename or not expected(name):
            raise ArchiveError(f"it holds {member.orig_filename!r}; {hint}")
        if name in seen:
            raise ArchiveError(f"it holds {name!r} twice")
        seen.add(name)
        if member.flag_bits & _ENCRYPTED or member.compress_type not in _METHODS:
            raise ArchiveError(f"its member {name!r} is encrypted, or compressed in another way than deflate")
        if member.file_size > member.compress_size * _MOST_DEFLATED:
            raise ArchiveError(
                f"its member {name!r} says that {member.compress_size} bytes become {member.file_size}, "
                f"more than {_MOST_DEFLATED} times as many"
            )
        stored += member.compress_size
    if stored > size:
        raise ArchiveError(f"its members say that they take {stored} bytes of a file of {size}")


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    return archive.read(member)


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> npt.NDArray[Any]:
    try:
        with archive.open(member) as file:
            _check_array(file, member.file_size)
        with archive.open(member) as file:
            return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
    except ArchiveError as error:
        raise ArchiveError(f"its member {member.filename!r} {error}") from error


def read_npy(path: Path) -> npt.NDArray[Any]:
    """Return the array of an .npy file, without pickles. Raises OSError, ArchiveError."""
    with open_file(path) as file:
        try:
            _check_array(file, path.stat().st_size)
            file.seek(0)
            return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
        except ArchiveError as error:
            raise ArchiveError(f"it {error}") from error
        except OSError:
            raise
        except Exception as error:  # numpy raises many kinds for a damaged header, tokenize.TokenError among them
            raise ArchiveError(f"it is damaged: {str(error) or type(error).__name__}") from error


def _check_array(file: IO[bytes], size: int) -> None:
    """Check the header at the start of `file`, an .npy file of `size` bytes: it must not claim more than that."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ArchiveError(f"is an array of format {version}; expected (1, 0) or (2, 0)")
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(file)
    if dtype.hasobject:
        raise ArchiveError("holds Python objects (a pickle); expected numbers")
    count = math.prod(shape)
    if min(shape, default=0) < 0 or count * dtype.itemsize > size:
        raise ArchiveError(f"says that its shape is {shape}, more than its {size} bytes hold")
