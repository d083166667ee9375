"""Read suite files (TOML) into `Suite` values. The built-in suites stand beside this file, one TOML each.

Law: a suite file is data. Unknown keys, names and out-of-range values are errors that say where they stand; the
file is checked under every override it has before anything is built. It is read once: `SuiteFile.on` gives its suites.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from optkit.data import DATA_MODES, DATASETS, DataMode, Dataset, load_dataset
from optkit.errors import OptkitError, SuiteError, nearest
from optkit.spec import OwnSource, Suite
from optkit.suites.document import Parsed, parse
from optkit.suites.extends import read_document, with_data
from optkit.suites.form import tomllib as tomllib
from optkit.suites.own import open_own, with_model_file
from optkit.suites.places import HERE, find, split
from optkit.suites.places import built_in as built_in
from optkit.suites.places import place_of as place_of
from optkit.suites.places import suite_text as suite_text


@dataclass(frozen=True, kw_only=True)
class SuiteFile:
    """A suite file as it was read: the tables of `document`, and the `profile` that is meant when none is named.

    With `changed`, its data set is not the one it was written for: overrides for others do not matter. `allowed` are
    the packages whose functions it may name. `text` is what stands in the file, and `extends` the suite that it begins
    from. Its tables are parsed and checked once, when it is first asked.
    """

    document: Mapping[str, Any]
    file: Path | None = None
    profile: str = ""
    changed: bool = False
    allowed: tuple[str, ...] = ()
    text: str = ""
    extends: str = ""

    def on(self, data: str | None = None, profile: str = "") -> Suite:
        """Return the suite of `profile` with the overrides for the data set called `data`.

        Raises SuiteError when there is no such data set or profile, or when anything is wrong in the file, under any
        of its overrides.
        """
        parsed, profile = self._parsed, profile or self.profile or self._parsed.profiles[0]
        with self._telling():
            if profile not in parsed.profiles:
                has = nearest(profile, parsed.profiles) if any(parsed.profiles) else "it has no profiles"
                raise SuiteError(f"there is no profile {profile!r}; {has}")
            if data is not None and parsed.data and data not in parsed.data:
                raise SuiteError(f"data set {data!r} is not of this suite; {nearest(data, parsed.data)}")
            suite = parsed.suites.get((data or "", profile)) or parsed.suites["", profile]
            path = self.file if self.file and self.file.parent != HERE else None
            return dataclasses.replace(suite, path=path, allowed=self.allowed)

    @property
    def data(self) -> tuple[str, ...]:
        """The names of the data sets that it can be on; none when it is on the user's own."""
        return self._parsed.data

    def with_data(self, data: str) -> SuiteFile:
        """Return the same on another data set, by name or path. Raises SuiteError when there is no such data set."""
        with self._telling():
            return dataclasses.replace(self, document=with_data(dict(self.document), data), changed=True)

    def of_run(self, data: str) -> Suite:
        """Return the suite of a run on the data set called `data`, which need not be one of the file's."""
        if data in self.data:
            return self.on(data)
        other = next((name for name, entry in DATASETS.items() if data in entry.names), None)
        return self.with_data(other).on(data) if other else self.on()  # of the user's own nothing is said

    @cached_property
    def _parsed(self) -> Parsed:
        with self._telling():
            return parse(self.document, changed=self.changed)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Let errors begin with the file's name."""
        try:
            yield
        except OptkitError as error:
            if self.file is None:
                raise
            raise SuiteError(f"{self.file.name}: {error}") from error


def read_suite_file(name_or_path: str, data: str | None = None, allowed: tuple[str, ...] = ()) -> SuiteFile:
    """Read a suite file from the disk; nothing later reads it again. The parameters are as in `load_suite`."""
    place, profile = split(name_or_path)
    path = find(place)
    found = read_document(path, find)
    file = SuiteFile(
        document=found.tables,
        file=path,
        profile=profile,
        changed=bool(found.extends),
        allowed=allowed,
        text=found.text,
        extends=found.extends,
    )
    return file if data is None else file.with_data(data)


def load_suite(
    name_or_path: str, on: str | None = None, *, data: str | None = None, allowed: tuple[str, ...] = ()
) -> Suite:
    """Read a built-in suite by name, or a suite file by its path (which ends in .toml).

    After a colon may follow one of the file's profiles (`cifar10_vgg16:paper`); without, it is the first of them.
    `on` is the name of the data set that will be used (such as `mnist-embedded`): the file's overrides for it
    are applied. `data` is another data set, by name or path, in place of the file's own. `allowed` are the packages
    whose functions the file may name. Raises SuiteError when there is no such suite, or when anything in it is wrong.
    """
    file = read_suite_file(name_or_path, data, allowed)
    return file.on(on) if data is not None or on is None else file.of_run(on)


def open_suite(
    name_or_path: str,
    data: str = "auto",
    *,
    variants: tuple[str, ...] = (),
    allowed: tuple[str, ...] = (),
    store: str | Path | None = None,
) -> tuple[Suite, Dataset]:
    """Read a suite and load its data set, and return the suite with its overrides for that data applied.

    `data` is `auto`, `full` or `embedded`, or another data set, by its name or path. A task that the file leaves open
    is worked out from the model and the labels. That the suite has `variants` is checked before any data is read. A
    model that a function returns is kept with the `store` (default: the user's).
    """
    file = read_suite_file(name_or_path, None if data in DATA_MODES else data, allowed)
    suite = file.on()
    suite.select(variants)
    source = suite.workload.dataset
    if isinstance(source, OwnSource):
        return open_own(with_model_file(suite, store))
    mode: DataMode = data if data in DATA_MODES else "auto"  # type: ignore[assignment]
    dataset = load_dataset(source.name, mode, **source.params)
    return with_model_file(file.on(dataset.name), store), dataset


def read_suite(document: Mapping[str, Any], on: str | None = None, profile: str = "") -> Suite:
    """Turn a parsed TOML document into a Suite, with the overrides for data set `on` and `profile` applied.

    Raises SuiteError when anything is wrong, under any of the document's overrides.
    """
    return SuiteFile(document=document).on(on, profile)
