"""Find what `optkit ab` compares: two .tflite files, two saved builds of a suite, or two stores.

Law: a pair is two files of one name; a name that only one side has is told, never dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from optkit.build.builder import find_variants
from optkit.build.saved import SavedFile, read_build
from optkit.build.store import Store
from optkit.data import Dataset
from optkit.errors import ArtifactError, OptkitError, StoreError
from optkit.files.regular import open_file
from optkit.names import shown
from optkit.spec import Suite
from optkit.spec.keys import file_sha256


@dataclass(frozen=True)
class Pair:
    """Two .tflite files to be compared under one name."""

    name: str
    base: Path
    head: Path


@dataclass(frozen=True)
class Pairing:
    """The pairs of two sides, and the names without a partner: `missing` at the head, `new` there."""

    pairs: tuple[Pair, ...]
    missing: tuple[str, ...] = ()
    new: tuple[str, ...] = ()


OpenSuite = Callable[[Path], tuple[Suite, Dataset]]
"""Opens the suite whose variants are in the store that is given."""


def find_pairs(base: Path, head: Path, open_suite: OpenSuite | None = None) -> Pairing:
    """Pair the .tflite files of both sides by variant; two single files are one pair.

    A folder is a store, searched for the variants of the suite that `open_suite` returns. Raises OptkitError when a
    side cannot be read, when one is a single file and the other is not, or when no pair is left.
    """
    if all(side.suffix == ".tflite" or (side.is_file() and _is_model(side)) for side in (base, head)):
        for side in (base, head):
            if not side.is_file():
                raise ArtifactError(f"{side} is not a file; give a .tflite file, a saved build or a store")
        return Pairing(
            (Pair(shown(head.name if head.name == base.name else f"{base.name} → {head.name}"), base, head),)
        )
    bases, heads = (_variants(side, open_suite) for side in (base, head))
    pairs = tuple(Pair(name, path, heads[name]) for name, path in bases.items() if name in heads)
    if not pairs:
        raise OptkitError(
            f"no .tflite variant is in both {base} ({', '.join(bases) or 'none'}) and {head} "
            f"({', '.join(heads) or 'none'}); build the same variants on both sides"
        )
    missing = tuple(name for name in bases if name not in heads)
    return Pairing(pairs, missing, tuple(name for name in heads if name not in bases))


def _is_file_of(one: SavedFile) -> bool:
    try:
        return Path(one.path).is_file() and file_sha256(Path(one.path)) == one.sha256
    except (OSError, ValueError):  # a path that cannot be one, or a file that may not be read
        return False


def _is_model(path: Path) -> bool:
    with open_file(path) as file:
        return file.read(8)[4:] == b"TFL3"


def _variants(side: Path, open_suite: OpenSuite | None) -> dict[str, Path]:
    """Return the .tflite files of a store or a saved build by variant."""
    if side.is_dir():
        if open_suite is None:
            raise StoreError(f"{side} is a folder; say with --suite whose variants to look for in this store")
        suite, dataset = open_suite(side)
        found = find_variants(suite, suite.variants, dataset, Store(side))
        return {name: artifact.path for name, artifact in found.items() if artifact.kind == "tflite"}
    built = read_build(side)
    for one in built:
        if not _is_file_of(one):
            raise ArtifactError(f"{one.path} of variant {one.variant!r} is not what {side} says; build it again")
    return {one.variant: Path(one.path) for one in built if one.path.endswith(".tflite")}
