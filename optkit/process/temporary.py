"""Temporary folders that go: when they are no longer used, or, of a process that was killed, at the next start.

    <the system's temporary folder>/optkit-<user>/lock         held while a folder is made or removed
    <the system's temporary folder>/optkit-<user>/<what>-…/    one folder
    <the system's temporary folder>/optkit-<user>/<what>-….lock    held by the process that uses it
    <the user's cache>/optkit/partial/              the same, of what becomes part of the cache: one rename, on one disk

Law: a folder is removed by the process that holds its lock, which the system releases when its owner dies. So one that
is in use is never touched, whatever process ids have been given to others since.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from optkit.errors import OptkitError


@contextmanager
def temporary_folder(what: str, cached: bool = False) -> Iterator[Path]:
    """Yield a new, empty folder whose name begins with `what`; it and all in it is removed at the end.

    With `cached` it is on the disk of the user's cache. Raises OptkitError when there is no place for it.
    """
    import filelock

    try:
        home = _home(_cache_place() if cached else _place())
        with filelock.FileLock(home / "lock"):
            folder = Path(tempfile.mkdtemp(prefix=f"{what}-", dir=home))
            owner = filelock.FileLock(_lock_of(folder))
            owner.acquire()
    except OSError as error:
        other = "XDG_CACHE_HOME" if cached else "TMPDIR"
        raise OptkitError(f"no temporary folder can be made ({error.strerror}); free space, or set {other}") from error
    try:
        sweep()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        owner.release()
        _lock_of(folder).unlink(missing_ok=True)


def sweep() -> None:
    """Remove the folders whose owners no longer live. What cannot be removed now is left for the next time."""
    for place in (_place, _cache_place):
        try:
            _sweep(place())
        except OSError:  # there is no place for temporary files; who needs one says so
            continue


def _sweep(folder: Path) -> None:
    if not _is_own(folder):
        return
    import filelock

    try:
        with filelock.FileLock(folder / "lock", timeout=0):
            for path in folder.iterdir():
                if path.name != "lock" and path.suffix != ".lock":
                    _remove(path)
    except (OSError, RuntimeError):  # filelock's Timeout is an OSError
        return


def _remove(path: Path) -> None:
    import filelock

    lock = filelock.FileLock(_lock_of(path), timeout=0)
    try:
        with lock:
            shutil.rmtree(path, ignore_errors=True)
    except filelock.Timeout:
        return
    _lock_of(path).unlink(missing_ok=True)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _place() -> Path:
    user = str(os.getuid()) if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"optkit-{user}"


def _cache_place() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("optkit") / "partial"


def _home(folder: Path) -> Path:
    """Return `folder`, made; another one, which is not swept, where somebody else has taken its name."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass
    return folder if _is_own(folder) else Path(tempfile.mkdtemp(prefix="optkit-"))


def _is_own(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())
