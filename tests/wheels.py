"""The wheel of this repository, built offline from a copy of it, and an environment that has no optkit but that."""

import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from optkit.suites import tomllib
from tests.examples import copied_source
from tests.isolation import ROOT

_BUILDS = 77
"""The oldest setuptools that reads this pyproject.toml."""
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = _PROJECT["optional-dependencies"]


def build_wheel(folder: Path) -> Path:
    """Build the wheel in `folder`, and return it. Skips the test where setuptools is too old."""
    import setuptools

    if int(setuptools.__version__.split(".")[0]) < _BUILDS:
        pytest.skip(
            f"setuptools {_BUILDS} builds the wheel, and {setuptools.__version__} is here; make setup brings it"
        )
    source = copied_source(folder / "source")
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", build, str(folder)], cwd=source, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.glob("*.whl")
    return found


def needed(extra: str) -> set[str]:
    """Return the libraries of optkit with `extra`, and what they need in turn, as they are installed here."""
    todo = [Requirement(one) for one in (*_PROJECT["dependencies"], *EXTRAS[extra])]
    seen: set[str] = set()
    while todo:
        one = todo.pop()
        name = canonicalize_name(one.name)
        if name == "optkit":
            todo += [Requirement(other) for extra in one.extras for other in EXTRAS[extra]]
            continue
        if str(one) in seen or (one.marker and not one.marker.evaluate()):
            continue
        seen.add(str(one))
        for requirement in map(Requirement, metadata.requires(name) or ()):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *one.extras)):
                requirement.marker = None
                todo.append(requirement)
    return {canonicalize_name(Requirement(one).name) for one in seen}


def libraries_of(extra: str, folder: Path) -> Path:
    """Return a folder of links to what `pip install 'optkit[EXTRA]'` would bring but optkit: no other library.

    Raises PackageNotFoundError when one is not installed here.
    """
    folder.mkdir(parents=True)
    for name in needed(extra):
        distribution = metadata.distribution(name)
        tops = {Path(file).parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}
        for top in tops:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(distribution.locate_file(top))).resolve())
    return folder


def libraries_without_optkit(folder: Path) -> Path:
    """Return a folder of links to what is installed here but optkit: what a registry would bring, and pip."""
    folder.mkdir(parents=True)
    for path in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not path.name.startswith(("optkit", "__editable__")) and path.suffix != ".pth":
            (folder / path.name).symlink_to(path)
    return folder


def prepare_environment(environment: Path, libraries: Path) -> None:
    """Let a venv that will be made at `environment` find `libraries`, so that pip has nothing to fetch."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = environment / "lib" / version / "site-packages"
    site.mkdir(parents=True)
    (site / "libraries.pth").write_text(f"{libraries}\n")
