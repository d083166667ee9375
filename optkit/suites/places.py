"""Which file a suite's name means: a built-in one, which stands beside this file, or a path; and the profile in it."""

from __future__ import annotations

from pathlib import Path

from optkit.errors import SuiteError, nearest
from optkit.files.regular import read_text

HERE = Path(__file__).parent


def built_in() -> tuple[str, ...]:
    """Return the names of the suites that come with optkit."""
    return tuple(sorted(path.stem for path in HERE.glob("*.toml")))


def suite_text(name_or_path: str) -> str:
    """Return the text of a suite file as it is, unchecked. Raises SuiteError when there is no such file."""
    path = place_of(name_or_path)
    try:
        return read_text(path)
    except (OSError, ValueError) as error:
        raise SuiteError(f"suite file {path} cannot be read ({error}); name a readable .toml file") from error


def place_of(name_or_path: str) -> Path:
    """Return the file of a suite. Raises SuiteError when there is no built-in suite of that name."""
    return find(split(name_or_path)[0])


def split(name_or_path: str) -> tuple[str, str]:
    """Take `name:profile` apart; a colon within a path is none of ours."""
    place, colon, profile = name_or_path.rpartition(":")
    within = not colon or profile.endswith(".toml") or {"/", "\\"} & set(profile)
    return (name_or_path, "") if within else (place, profile)


def find(name_or_path: str) -> Path:
    """Return the file of a suite that is named without a profile. Raises as `place_of` does."""
    if name_or_path.endswith(".toml"):
        return Path(name_or_path)
    if name_or_path not in built_in():
        hint = nearest(name_or_path, built_in())
        raise SuiteError(f"there is no suite {name_or_path!r}; {hint}; or give the path of a .toml file")
    return HERE / f"{name_or_path}.toml"
