"""The variants of a suite file: each its own chain, or one that goes on from another."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from optkit.errors import SuiteError, nearest
from optkit.models import NETWORKS
from optkit.spec import Conversion, Network, OwnModel, Step, Training, Variant, Workload
from optkit.spec.running import PLAIN, Running
from optkit.suites.recipes import CONVERSIONS
from optkit.suites.tables import check_params, convert_table, with_name
from optkit.techniques import TECHNIQUES
from optkit.techniques.order import check_order


def read_running(table: Mapping[str, Any], default: Running) -> Running:
    """Return what `runtime` and `settings` of a table say; what it does not say is as in `default`.

    Another runtime than the default's has no settings of its. Raises SuiteError when they have not their form.
    """
    runtime = table.get("runtime", default.runtime)
    settings = table.get("settings", default.settings if runtime == default.runtime else {})
    return Running(runtime=runtime, settings=settings)


def read_variants(tables: Mapping[str, Any], workload: Workload, running: Running = PLAIN) -> Iterator[Variant]:
    """Yield the variants that `tables` say, which have their form; what names no runtime is run as `running` says.

    Raises SuiteError when anything in them is wrong.
    """
    if not tables:
        raise SuiteError("[variants] is missing or empty; add at least the baseline: [variants.baseline]")
    done: dict[str, Variant] = {}
    for name, table in tables.items():
        where = f"variants.{name}"
        parent = None
        if "from" in table:
            parent = done.get(table["from"])
            if parent is None:
                raise SuiteError(f"{where}.from: no variant {table['from']!r} above; {nearest(table['from'], done)}")
        done[name] = _with_running(_variant(name, table, parent, workload, where), table, running, where)
        for needed in (n for step in done[name].steps for n in step.needs()):
            if needed not in done or needed == name:
                others = [other for other in done if other != name]
                raise SuiteError(
                    f"{where}: it needs variant {needed!r}, and there is none above; {nearest(needed, others)}"
                )
        yield done[name]


def _variant(name: str, table: Mapping[str, Any], parent: Variant | None, workload: Workload, where: str) -> Variant:
    known = ("from", "model", "network", "training", "steps", "conversion", "runtime", "settings")
    for key in table:
        if key not in known:
            raise SuiteError(f"{where}: unknown key {key!r}; {nearest(key, known)}")
    if "model" in table:
        return _finished(name, table, workload, where)
    if parent and ("network" in table or "training" in table):
        raise SuiteError(f"{where}: network and training come from {parent.name!r}; drop them, or drop `from`")
    network, training = (parent.network, parent.training) if parent else (workload.network, workload.training)
    if "network" in table:
        network = convert_table(Network, with_name(table, "network")["network"], f"{where}.network")
        check_network(network, f"{where}.network")
    if "training" in table:
        training = convert_table(
            Training, {**msgspec.to_builtins(workload.training), **table["training"]}, f"{where}.training"
        )
    steps = tuple(_step(item, f"{where}.steps[{i}]") for i, item in enumerate(table.get("steps", [])))
    conversion = (
        convert_table(Conversion, table["conversion"], f"{where}.conversion") if "conversion" in table else None
    )
    inherited = parent.steps if parent else ()
    if network.is_tflite and inherited + steps:
        raise SuiteError(
            f"{where}: {(inherited + steps)[0].technique} trains, and a .tflite file cannot be trained; name the Keras "
            f"model, or only convert: {', '.join(CONVERSIONS)}"
        )
    check_order(inherited + steps, where)
    return Variant(name=name, network=network, training=training, steps=inherited + steps, conversion=conversion)


def _finished(name: str, table: Mapping[str, Any], workload: Workload, where: str) -> Variant:
    """Return the variant that is a finished file of the user's."""
    model, more = table["model"], sorted(set(table) - {"model", "runtime", "settings"})
    if not isinstance(model, str) or not model.lower().endswith(".tflite"):
        raise SuiteError(f"{where}.model is {model!r}; expected a finished .tflite file, which is measured as it is")
    if more:
        raise SuiteError(f"{where}: {model} is finished, and measured as it is; drop {' and '.join(more)}")
    return Variant(name=name, network=OwnModel(name=model), training=workload.training)


def _with_running(variant: Variant, table: Mapping[str, Any], running: Running, where: str) -> Variant:
    """Return the variant with what runs it. A Keras file is run by Keras, and nothing else is."""
    own = read_running(table, running)
    named = "runtime" in table or "settings" in table
    if variant.kind == "keras":
        if named and own != Running(runtime="keras"):
            raise SuiteError(f"{where}: it is a Keras file, which Keras runs; add a conversion, or drop its runtime")
        return variant
    if own.runtime == "keras":
        raise SuiteError(f"{where}: it is a .tflite file, and Keras does not run it; name another runtime")
    return dataclasses.replace(variant, running=own)


def _step(table: Mapping[str, Any], where: str) -> Step:
    if "technique" not in table:
        raise SuiteError(f"{where}: expected a table with a technique; {nearest('', TECHNIQUES)}")
    name = table["technique"]
    if name not in TECHNIQUES:
        raise SuiteError(f"{where}: there is no technique {name!r}; {nearest(str(name), TECHNIQUES)}")
    kind: type[Step] = TECHNIQUES[name].step
    return convert_table(kind, {k: v for k, v in table.items() if k != "technique"}, where)


def check_network(network: Network, where: str) -> None:
    """Raise SuiteError when there is no such network, or it does not take such parameters."""
    if network.name not in NETWORKS:
        raise SuiteError(f"{where}: there is no network {network.name!r}; {nearest(network.name, NETWORKS)}")
    check_params(NETWORKS[network.name].build, network.params, where)
