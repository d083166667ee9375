"""Read suite files (TOML) into `Suite` values. The built-in suites stand beside this file, one TOML each.

Law: a suite file is data. Unknown keys, names and out-of-range values are errors that say where they stand; the
file is checked under every override it has before anything is built.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optkit.data import DATA_MODES, DATASETS, DataMode, Dataset, load_dataset
from optkit.errors import OptkitError, SuiteError, check_texts, nearest
from optkit.files.regular import read_text
from optkit.spec import Gate, OwnSource, Suite, Workload
from optkit.spec.metrics import MODES
from optkit.suites.extends import read_document, with_data
from optkit.suites.form import check_form, check_tables
from optkit.suites.form import tomllib as tomllib
from optkit.suites.own import check_metric, open_own, own_model, own_source, with_model_file
from optkit.suites.short import SHORT_KEYS, long_form
from optkit.suites.tables import check_override_names, check_params, convert_table, overridden, with_name
from optkit.suites.variants import check_network, read_variants

SCHEMAS = (1, 2)
_HERE = Path(__file__).parent
_TEXT_KEYS = ("name", "description", "baseline")
_SUITE_KEYS = ("schema", *_TEXT_KEYS, "profiles", "modes", "workload", "variants", "gates")


def built_in() -> tuple[str, ...]:
    """Return the names of the suites that come with optkit."""
    return tuple(sorted(path.stem for path in _HERE.glob("*.toml")))


def load_suite(
    name_or_path: str, on: str | None = None, *, data: str | None = None, allowed: tuple[str, ...] = ()
) -> Suite:
    """Read a built-in suite by name, or a suite file by its path (which ends in .toml).

    After a colon may follow one of the file's profiles (`cifar10_vgg16:paper`); without, it is the first of them.
    `on` is the name of the data set that will be used (such as `mnist-embedded`): the file's overrides for it
    are applied. `data` is another data set, by name or path, in place of the file's own. `allowed` are the packages
    whose functions the file may name. Raises SuiteError when there is no such suite, or when anything in it is wrong.
    """
    place, profile = _split(name_or_path)
    path = _find(place)
    document, extended = read_document(path, _find)
    if data is None and on is not None and on not in _own_names(document):
        data = next((name for name, entry in DATASETS.items() if on in entry.names), None)  # a run on other data
        on = on if data else None  # on the user's own: nothing is said of them
    try:
        document = with_data(document, data)
        suite = read_suite(
            document, on, None if path.parent == _HERE else path, profile, changed=extended or data is not None
        )
        return dataclasses.replace(suite, allowed=allowed)
    except OptkitError as error:
        raise SuiteError(f"{path.name}: {error}") from error


def _own_names(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the data that a document says overrides for; empty when it is wrong, which is told later."""
    try:
        return _data_names(long_form(document) if document.get("schema") == 2 else document)
    except OptkitError:
        return ()


def suite_text(name_or_path: str) -> str:
    """Return the text of a suite file as it is, unchecked. Raises SuiteError when there is no such file."""
    path = _find(_split(name_or_path)[0])
    try:
        return read_text(path)
    except (OSError, ValueError) as error:
        raise SuiteError(f"suite file {path} cannot be read ({error}); name a readable .toml file") from error


def place_of(name_or_path: str) -> Path:
    """Return the file of a suite. Raises SuiteError when there is no built-in suite of that name."""
    return _find(_split(name_or_path)[0])


def open_suite(
    name_or_path: str, data: str = "auto", *, allowed: tuple[str, ...] = (), store: Path | None = None
) -> tuple[Suite, Dataset]:
    """Read a suite and load its data set, and return the suite with its overrides for that data applied.

    `data` is `auto`, `full` or `embedded`, or another data set, by its name or path. A task that the file leaves open
    is worked out from the model and the labels. A model that a function returns is kept in the folder `store` (default:
    the user's).
    """
    mode: DataMode = data if data in DATA_MODES else "auto"  # type: ignore[assignment]
    other = None if data in DATA_MODES else data
    suite = load_suite(name_or_path, data=other, allowed=allowed)
    source = suite.workload.dataset
    if not isinstance(source, OwnSource):
        dataset = load_dataset(source.name, mode, **source.params)
        suite = load_suite(name_or_path, dataset.name, data=other, allowed=allowed)
        return with_model_file(suite, store), dataset
    return open_own(with_model_file(suite, store))


def read_suite(
    document: Mapping[str, Any],
    on: str | None = None,
    path: Path | None = None,
    profile: str = "",
    *,
    changed: bool = False,
) -> Suite:
    """Turn a parsed TOML document into a Suite, with the overrides for data set `on` and `profile` applied.

    With `changed`, its data set is not the one it was written for: overrides for others do not matter. Raises
    SuiteError when anything is wrong, under any of the document's overrides.
    """
    if document.get("schema") not in SCHEMAS or isinstance(document.get("schema"), bool):
        known = " and ".join(map(str, SCHEMAS))
        raise SuiteError(f"schema is {document.get('schema')!r}; this optkit reads suite files of schema {known}")
    check_tables(document)
    check_texts(document, SuiteError)
    if document["schema"] == 2:
        document = long_form(document)
    elif short := [key for key in SHORT_KEYS if key in document]:
        raise SuiteError(f"{short[0]} is of schema 2; write schema = 2")
    profiles = _profiles(document)
    names = tuple(dict.fromkeys(name for p in profiles for name in _data_names(_formed(document, p))))
    others = {name for entry in DATASETS.values() for name in entry.names} if changed else set()
    check_override_names(document, {*names, *profiles, *others} - {""})
    if clash := set(names) & set(profiles):
        raise SuiteError(f"profile {min(clash)!r} has the name of a data set; rename it")
    if (profile or profiles[0]) not in profiles:
        has = nearest(profile, profiles) if any(profiles) else "it has no profiles"
        raise SuiteError(f"there is no profile {profile!r}; {has}")
    suites = {
        (name, p): dataclasses.replace(
            _read(_formed(document, name, p)), path=path, profile=p, profiles=tuple(filter(None, profiles))
        )
        for name in (None, *names)
        for p in profiles
    }
    if not names:
        on = None  # the user's own data have no overrides
    if on is not None and on not in names:
        raise SuiteError(f"data set {on!r} is not of this suite; {nearest(on, names)}")
    return suites[on, profile or profiles[0]]


def _split(name_or_path: str) -> tuple[str, str]:
    """Take `name:profile` apart; a colon within a path is none of ours."""
    place, colon, profile = name_or_path.rpartition(":")
    within = not colon or profile.endswith(".toml") or {"/", "\\"} & set(profile)
    return (name_or_path, "") if within else (place, profile)


def _formed(document: Mapping[str, Any], *names: str | None) -> dict[str, Any]:
    """Return `document` with the overrides for `names` applied, all of its types checked."""
    found: dict[str, Any] = overridden(document, *names)
    check_form(found)
    return found


def _profiles(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the document's profiles; one empty name when it has none."""
    found = document.get("profiles", [""])
    if not isinstance(found, list) or not found or not all(isinstance(name, str) for name in found):
        raise SuiteError(f'profiles is {found!r}; expected names, such as ["quick", "paper"]')
    return tuple(found)


def _find(name_or_path: str) -> Path:
    if name_or_path.endswith(".toml"):
        return Path(name_or_path)
    if name_or_path not in built_in():
        hint = nearest(name_or_path, built_in())
        raise SuiteError(f"there is no suite {name_or_path!r}; {hint}; or give the path of a .toml file")
    return _HERE / f"{name_or_path}.toml"


def _data_names(document: Mapping[str, Any]) -> tuple[str, ...]:
    workload = document.get("workload")
    if isinstance(workload, Mapping) and "data" in workload:
        return ()
    table = with_name(workload, "dataset").get("dataset") if isinstance(workload, Mapping) else None
    if not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
        raise SuiteError("[workload] with a dataset is missing; add it")
    if table["name"] not in DATASETS:
        raise SuiteError(
            f"workload.dataset: there is no data set {table['name']!r}; {nearest(table['name'], DATASETS)}"
        )
    return DATASETS[table["name"]].names


def _read(document: Mapping[str, Any]) -> Suite:
    for key in document:
        if key not in _SUITE_KEYS:
            raise SuiteError(f"unknown key {key!r}; {nearest(key, _SUITE_KEYS)}")
    workload = _workload(document["workload"])
    variants = tuple(read_variants(document.get("variants", {}), workload))
    gates = tuple(
        convert_table(Gate, table, f"gates[{i}]", hidden=("origin",))
        for i, table in enumerate(document.get("gates", []))
    )
    if "name" not in document:
        raise SuiteError('name is missing; add name = "..."')
    suite = Suite(
        name=document["name"],
        description=document.get("description", ""),
        baseline=document.get("baseline", "baseline"),
        workload=workload,
        variants=variants,
        gates=gates,
        modes=tuple(document.get("modes", MODES)),
    )
    suite.variant(suite.baseline)
    for i, gate in enumerate(suite.gates):
        for name in (*gate.variants, *filter(None, (gate.relative_to,))):
            try:
                suite.variant(name)
            except SuiteError as error:
                raise SuiteError(f"gates[{i}]: {error}") from error
    return suite


def _workload(given: Mapping[str, Any]) -> Workload:
    table = dict(with_name(with_name(given, "network"), "dataset"))
    model = own_model(table)
    data = own_source(table)
    if model:
        table = {"training": {"epochs": 0}, "task": "auto", **table, "network": {"name": model.name}}
    if data:
        table["dataset"] = {"name": data.name}
    workload = convert_table(Workload, table, "workload")
    check_metric(workload.metric)
    if data:
        workload = dataclasses.replace(workload, dataset=data)
    else:
        source = workload.dataset
        check_params(DATASETS[source.name].load, source.params, "workload.dataset", skip=("mode",))
    if model:
        return dataclasses.replace(workload, network=model)
    check_network(workload.network, "workload.network")
    return workload
