"""A suite file's tables into `Suite` values: one for each way that its overrides can be laid over them.

Law: all of them are checked, so that nothing wrong is met only when another profile or data set is chosen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optkit.data import DATASETS
from optkit.errors import SuiteError, check_texts, nearest
from optkit.spec import Gate, Suite, Workload
from optkit.spec.metrics import MODES
from optkit.spec.running import PLAIN
from optkit.suites.form import check_form, check_tables
from optkit.suites.own import check_metric, own_model, own_source
from optkit.suites.short import SHORT_KEYS, long_form
from optkit.suites.tables import check_params, convert_table, overridden, override_names, with_name
from optkit.suites.targets import check_variants, read_targets
from optkit.suites.variants import check_network, read_running, read_variants

SCHEMAS = (1, 2)
_TEXT_KEYS = ("name", "description", "baseline")
_RUN_KEYS = ("modes", "runtime", "settings")
_SUITE_KEYS = ("schema", *_TEXT_KEYS, "profiles", *_RUN_KEYS, "workload", "variants", "gates", "targets", "search")


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """What a document says, checked: its suites by data set (empty: without overrides for one) and by profile.

    `profiles` are their names, one empty name when there are none. `data` are the names of the data sets that it can
    be on; none are known of the user's own data.
    """

    suites: Mapping[tuple[str, str], Suite]
    profiles: tuple[str, ...]
    data: tuple[str, ...]


def parse(document: Mapping[str, Any], *, changed: bool = False) -> Parsed:
    """Read a document of schema 1 or 2. Raises SuiteError when anything is wrong, under any of its overrides.

    With `changed`, its data set is not the one it was written for: overrides for others do not matter.
    """
    document = _checked(document)
    profiles = _profiles(document)
    plain = {profile: _formed(document, profile) for profile in profiles}
    data = tuple(dict.fromkeys(name for one in plain.values() for name in _data_names(one)))
    others = {name for entry in DATASETS.values() for name in entry.names} if changed else set()
    known = {*data, *profiles, *others} - {""}
    overrides = dict(override_names(document))
    for name, where in overrides.items():
        if name not in known:
            raise SuiteError(f"{where}: there is no data set or profile {name!r} here; {nearest(name, known)}")
    if clash := set(data) & set(profiles):
        raise SuiteError(f"profile {min(clash)!r} has the name of a data set; rename it")
    forms = {("", profile): one for profile, one in plain.items()}
    forms |= {(name, p): _formed(document, name, p) for name in data if name in overrides for p in profiles}
    named = tuple(filter(None, profiles))
    suites = {place: dataclasses.replace(_read(one), profile=place[1], profiles=named) for place, one in forms.items()}
    return Parsed(suites=suites, profiles=profiles, data=data)


def _checked(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a document of a known schema in the form of schema 1."""
    if document.get("schema") not in SCHEMAS or isinstance(document.get("schema"), bool):
        known = " and ".join(map(str, SCHEMAS))
        raise SuiteError(f"schema is {document.get('schema')!r}; this optkit reads suite files of schema {known}")
    check_tables(document)
    check_texts(document, SuiteError)
    if document["schema"] == 2:
        return long_form(document)
    if short := [key for key in SHORT_KEYS if key in document]:
        raise SuiteError(f"{short[0]} is of schema 2; write schema = 2")
    return document


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
    running = read_running(document, PLAIN)
    variants = tuple(read_variants(document.get("variants", {}), workload, running))
    gates = tuple(
        convert_table(Gate, table, f"gates[{i}]", hidden=("origin", "runtime"))
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
        search=document.get("search"),
        targets=read_targets(document.get("targets", {})),
    )
    suite.variant(suite.baseline)
    places = {f"gates[{i}]": (*gate.variants, gate.relative_to) for i, gate in enumerate(suite.gates)}
    places |= {f"targets.{target.name}": target.variants for target in suite.targets}
    for where, names in places.items():
        for name in filter(None, names):
            try:
                suite.variant(name)
            except SuiteError as error:
                raise SuiteError(f"{where}: {error}") from error
    check_variants(suite)
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
