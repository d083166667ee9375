"""The plugin's command-line options. Their values are checked in `bench`, which exits with code 2.

Nothing but pytest and the standard library is imported here: every session of every repository loads it.
"""

from __future__ import annotations

import os

import pytest

OPTIONS = {
    "suite": ("", "NAME_OR_PATH", "the suite of tests that are in no suite file: a built-in one, or a .toml file"),
    "data": ("auto", "WHICH", "auto, full or embedded; or another data set, by name or path (auto)"),
    "variants": ("", "A,B", "only these variants (all)"),
    "threads": ("", "1,2", "thread counts (1, and all processors)"),
    "like": (None, "RUN.json", "time full sets in the way of this saved run (in the way that a trial chooses)"),
    "store": (None, "DIR", "artifact store (OPTKIT_STORE, else the user's cache)"),
    "allow": ("", "A,B", "packages whose functions a suite file may call (allow in the user's configuration)"),
}
"""Default, metavar and help of each option. The default of --suite is for a conftest.py to say."""


def add_options(parser: pytest.Parser, prefix: str = "--optkit-") -> None:
    """Add the options under `prefix`. A repository may add them under `--` as well, in its own conftest.py."""
    group = parser.getgroup("optkit")
    for name, (default, metavar, about) in OPTIONS.items():
        group.addoption(f"{prefix}{name}", dest=f"optkit_{name}", default=default, metavar=metavar, help=about)


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
