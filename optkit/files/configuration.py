"""The user's own configuration: one TOML file in the user's folder, never in a repository.

Law: what lets other people's code run is said here or on the command line, and nowhere else.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from optkit.errors import OptkitError
from optkit.files.documents import DocumentError, typed
from optkit.files.regular import read_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What the user's file says. `allow`: packages whose functions a suite file may name."""

    allow: tuple[str, ...] = ()


def configuration_file() -> Path:
    """Return where the user's configuration is, whether it exists or not: `optkit/config.toml`."""
    return platformdirs.user_config_path("optkit") / "config.toml"


def read_configuration() -> Configuration:
    """Return what the user's file says; without one, the defaults. Raises OptkitError when it cannot be read."""
    path = configuration_file()
    try:
        table = tomllib.loads(read_text(path))
    except FileNotFoundError:
        return Configuration()
    except (OSError, ValueError, RecursionError) as error:
        raise OptkitError(f"{path} is not readable TOML ({error}); mend or remove it") from error
    if unknown := sorted(set(table) - {"allow"}):
        raise OptkitError(f"{path} has the key {unknown[0]!r}; expected only allow, such as allow = ['my_package']")
    try:
        found: Configuration = typed(table, Configuration)
    except DocumentError as error:
        raise OptkitError(f"{path}: {error}; expected such as allow = ['my_package']") from error
    return found


def allowed_packages(more: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the packages that may be imported: those of the user's file, then `more` (of `--allow`)."""
    return tuple(dict.fromkeys((*read_configuration().allow, *more)))
