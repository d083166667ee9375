"""A model that a function of the user's returns: called once, in a process of its own, and kept as a Keras file.

Law: what was kept counts only while nothing that made it has changed: the source files of the function's package that
were loaded, and the files that the function read, such as weights. Their sha256 stand beside the model, and are
compared each time. The function is called again when one differs.
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import msgspec

from optkit.errors import BuildError, OptkitError, StoreError
from optkit.files.documents import DocumentError, decode_json
from optkit.files.functions import check_allowed
from optkit.files.regular import read_bytes
from optkit.process.children import ended, own_code, run
from optkit.spec.keys import digest, file_sha256

SCHEMA = 1
_WORKER = "optkit.models.function_worker"
_LIBRARIES = ("tensorflow", "tf_keras", "keras", "numpy")
_ABOUT = "about.json"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What stands beside a kept model: its file and sha256, and the sha256 of each file that it was made of."""

    schema: int
    file: str
    sha256: str
    read: dict[str, str]


def function_file(text: str, allowed: Sequence[str], folder: Path, root: Path, *, seed: int = 1) -> Path:
    """Return the Keras file of the model that the function `text`, `package.module:function`, returns.

    It is called, without arguments and with Python, numpy and Keras seeded by `seed`, when nothing is kept of it under
    `root`, the store's folder. Its module is looked for in `folder` first. Raises OptkitError, in one line, when its
    package is not among `allowed` (nothing is imported then), it is not there, needs arguments, raises or returns
    something else than a Keras model; StoreError when the file cannot be kept.
    """
    check_allowed(text, text.split(":")[0], allowed)
    about = {"function": SCHEMA, "text": text, "folder": str(folder.resolve()), "seed": seed, "with": _versions()}
    place = root / "functions" / digest(about)
    try:
        if found := _kept(place):
            return found
        place.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{place}.lock"):
            if found := _kept(place):
                return found
            making = place.with_name(f"making-{place.name}")  # what a killed process left goes
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            try:
                _call({"text": text, "allowed": list(allowed), "folder": str(folder), "to": str(making), "seed": seed})
                shutil.rmtree(place, ignore_errors=True)
                making.rename(place)
            finally:
                shutil.rmtree(making, ignore_errors=True)
            found = _kept(place)
    except OSError as error:
        raise StoreError(
            f"the model of {text} cannot be kept in {root}: {error.strerror or error}; free space or rights there, or "
            "choose another folder with --store or OPTKIT_STORE"
        ) from error
    if found is None:
        raise OptkitError(f"a file that {text} read was changed while it was called; run the same command again")
    return found


def write_about(folder: Path, file: Path, read: Sequence[Path]) -> None:
    """Write what stands beside the model `file` in `folder`, which was made of the files `read`."""
    sums = {str(path): file_sha256(path) for path in sorted(set(read))}
    kept = Kept(schema=SCHEMA, file=file.name, sha256=file_sha256(file), read=sums)
    (folder / _ABOUT).write_bytes(msgspec.json.encode(kept))


def _kept(place: Path) -> Path | None:
    """Return the model that is kept at `place`; None when there is none, it is damaged, or it is out of date."""
    try:
        about = decode_json(read_bytes(place / _ABOUT), Kept)
        file = place / Path(about.file).name
        if about.schema != SCHEMA or file_sha256(file) != about.sha256:
            return None
        if any(file_sha256(Path(path)) != known for path, known in about.read.items()):
            return None
    except (OSError, ValueError, DocumentError):
        return None
    return file


def _versions() -> dict[str, str]:
    try:
        return {name: importlib.metadata.version(name) for name in _LIBRARIES}
    except importlib.metadata.PackageNotFoundError as error:
        raise BuildError(f"{error.name} is not installed; pip install 'optkit[train]'") from error


def _call(request: dict[str, Any]) -> None:
    """Have the worker call the function. Raises OptkitError with what the worker says, or how it ended."""
    done = run(own_code(_WORKER, json.dumps(request)), stdout=subprocess.PIPE)
    lines = done.stdout.strip().splitlines()
    try:
        answer = json.loads(lines[-1])
    except (IndexError, ValueError):
        raise OptkitError(f"the process that calls {request['text']} {ended(done.returncode)}") from None
    if "error" in answer:
        raise OptkitError(str(answer["error"]))
