"""Time a suite in fresh processes, and merge what they saved into one run file in pytest-benchmark's format.

Law: the sample is the process: each session is a `pytest --benchmark-only` of its own. They time the same files in the
same ways, or nothing is merged; nothing half-made is ever in the place of a run file.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optkit.errors import OptkitError, RecordError
from optkit.files.documents import DocumentError, decode_json
from optkit.process.children import ended, own_code, run
from optkit.process.temporary import temporary_folder
from optkit.record.run import run_of

_PLUGIN = "optkit.plugin.entry"
PROGRESS = "OPTKIT_PROGRESS_FILE"
"""The variable of the environment that names the file in which a session says how far it is."""
_TIMING = (
    *("--benchmark-only", "--benchmark-save-data", "--benchmark-disable-gc"),
    *("--benchmark-min-time=0.001", "--benchmark-max-time=0.5"),
)
_SHOWN_LINES = 30
_WATCHED_EVERY = 1.0
"""Seconds: seldom, since a benchmark runs beside it."""
_STORING = ("--benchmark-storage", "--benchmark-save", "--benchmark-autosave", "--benchmark-compare")

Document = dict[str, Any]
Session = Callable[[Sequence[str]], Document]
"""Runs one session with these further arguments to pytest and returns what pytest-benchmark saved."""


def run_session(arguments: Sequence[str], told: Callable[[int, int], None] | None = None) -> Document:
    """Run `pytest --benchmark-only` on a suite file, named in `arguments`, in a fresh process; return what it saved.

    The first of `arguments` is the suite file. `told` is called, from another thread, with the number of benchmarks
    that are done and of all.
    Raises OptkitError, with what the process said, when it fails or times nothing.
    """
    with temporary_folder("bench") as folder:
        target, log = folder / "run.json", folder / "log"
        own = folder / "pytest.ini"  # what a repository says of its own tests is not of these
        own.write_text("[pytest]\n")
        root = Path(arguments[0]).parent  # so that a benchmark has the same name in every session
        command = ["-p", _PLUGIN, f"--rootdir={root}", "-c", str(own), "-p", "no:cacheprovider"]
        command += [*_TIMING, "--benchmark-quiet", f"--benchmark-json={target}", *arguments]
        if not any(argument.startswith(_STORING) for argument in arguments):
            command += [f"--benchmark-storage={folder}/storage"]  # it makes that folder even when it keeps nothing
        with log.open("wb") as output:
            env = {**environment(), "TMPDIR": str(folder)}
            with _watched(folder / "progress", told) as more:
                done = run(own_code("pytest", *command), stdout=output, stderr=subprocess.STDOUT, env={**env, **more})
        said = log.read_text(errors="replace").splitlines()
        if done.returncode or not target.is_file() or not target.stat().st_size:
            raise OptkitError(_reason(done.returncode, said))
        return _document(target.read_bytes())


@contextmanager
def _watched(path: Path, told: Callable[[int, int], None] | None) -> Iterator[dict[str, str]]:
    """Yield what a session needs in its environment to say how far it is; within the block, `told` is called with it.

    It writes a line with the number of its benchmarks to `path`, then one for each that is done.
    """
    if told is None:
        yield {}
        return
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_WATCHED_EVERY):
            total, *done = (path.read_text().splitlines() if path.is_file() else []) or ["0"]
            told(len(done), int(total) if total.isdecimal() else 0)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield {PROGRESS: str(path)}
    finally:
        over.set()
        watcher.join()


def _document(saved: bytes) -> Document:
    """Return what a session saved, whole, once it is known to be a run. Raises RecordError when it is none."""
    try:
        document: Document = decode_json(saved, Document)
    except DocumentError as error:
        raise RecordError(f"a session saved no pytest-benchmark file: {error}; run it again") from error
    run_of(document)
    return document


def environment() -> dict[str, str]:
    """Return this process' environment without what a pytest that it runs under would pass on to another."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}


def _reason(code: int, said: Sequence[str]) -> str:
    marker = "optkit: error: "
    for line in said:
        if marker in line:
            return line[line.index(marker) + len(marker) :].rstrip(" !")
    shown = "\n".join(said[-_SHOWN_LINES:]) or "nothing"
    return f"a session {ended(code)} and timed nothing that can be used; it said:\n{shown}"


def run_sessions(
    count: int, arguments: Sequence[str], like: Path | None, tell: Callable[[int], None], session: Session = run_session
) -> Document:
    """Run `count` sessions one after the other and merge them; `tell` is called with the number of each, from 0.

    Full sets are timed in the way of the saved run `like`, else in the way that the first session's trials chose.
    """
    found: list[Document] = []
    with temporary_folder("bench") as folder:
        for number in range(count):
            tell(number)
            more = [f"--optkit-like={like}"] if like else []
            found.append(session([*arguments, *more]))
            if like is None:
                like = folder / "first.json"
                like.write_text(json.dumps(found[0]))
    return merge(found)


def merge(sessions: Sequence[Document]) -> Document:
    """Return one document in pytest-benchmark's format with the benchmarks of all `sessions`, in their order.

    Machine, commit and date are the first session's; each benchmark's `extra_info.optkit.session` is its session's
    number from 0. Raises RecordError when the sessions did not time the same benchmarks.
    """
    names = [sorted(str(benchmark["fullname"]) for benchmark in one["benchmarks"]) for one in sessions]
    for number, other in enumerate(names):
        if other != names[0]:
            odd = ", ".join(sorted(set(other) ^ set(names[0])))
            raise RecordError(f"session {number + 1} did not time what the first one did; only one has: {odd}")
    merged = copy.deepcopy({**sessions[0], "benchmarks": []})
    for number, one in enumerate(sessions):
        for benchmark in copy.deepcopy(one["benchmarks"]):
            benchmark["extra_info"]["optkit"]["session"] = number
            merged["benchmarks"].append(benchmark)
    return merged


def save(document: Document, path: Path) -> None:
    """Write a run file: whole, or not at all. Raises OptkitError when it cannot be written."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(json.dumps(document, indent=1))
        part.replace(path)
    except OSError as error:
        raise OptkitError(f"{path} cannot be written ({error.strerror}); give another file with -o") from error
    finally:
        part.unlink(missing_ok=True)
