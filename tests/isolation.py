"""All that a test session may touch: a folder of its own in place of the user's, for child processes, too.

It is in force from the first import on, so that fixtures of any scope and every process that is started have it.
"""

import atexit
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
GUARD = ROOT / "tests" / "guard"
PYTHONPATH = os.pathsep.join(filter(None, (str(ROOT), str(GUARD), os.environ.get("PYTHONPATH"))))
"""For a process that a test starts with an environment of its own: this optkit, and no network."""
USERS_DATA = os.environ.pop("OPTKIT_DATA", None) or os.environ.get("OPTKIT_TESTS_DATA")
"""The user's folder of data. Tests that can do with less do not see it; those that need it are skipped without."""


def _private_folder() -> Path:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())  # where pytest keeps folders of the last runs
    folder, owner = Path(tempfile.mkdtemp(prefix="optkit-tests-")), os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # and not in a process that was forked from this one
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def environment_in(folder: Path) -> dict[str, str]:
    """Return the variables that keep a process out of what is the user's; their folders are made."""
    names = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "OPTKIT_STORE", "TMPDIR")
    places = {name: folder / name.lower() for name in names}
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    return {name: str(place) for name, place in places.items()}


def _refuse_network() -> None:
    spec = importlib.util.spec_from_file_location("guard", GUARD / "sitecustomize.py")
    assert spec
    assert spec.loader
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


PRIVATE = _private_folder()
if USERS_DATA:  # for the workers of pytest-xdist, which import this again
    os.environ["OPTKIT_TESTS_DATA"] = USERS_DATA
os.environ.update(environment_in(PRIVATE), PYTHONPATH=PYTHONPATH)
tempfile.tempdir = None  # found before TMPDIR was set
_refuse_network()
