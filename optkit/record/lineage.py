"""How a variant came to be, read from its record: in words, and as the command that builds it again."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from optkit.build.store import Store
from optkit.data import DATASETS
from optkit.errors import StoreError
from optkit.names import shown
from optkit.record.facts import VariantFacts
from optkit.spec.keys import digest
from optkit.techniques import TECHNIQUES

_TRAINING = ("epochs", "batch_size", "optimizer", "learning_rate")


def lineage(facts: VariantFacts) -> list[str]:
    """Return the chain of a variant, one line a stage: what was trained or read, each technique, the conversion.

    A technique is told with its parameters that are not its defaults, and how long it trained.
    """
    spec = facts.spec
    lines = []
    if network := spec.get("network"):
        training = spec.get("training") or {}
        first = "train" if training.get("epochs") else "initialize"
        lines.append(f"{first} {_named(network)}{_listed(training, _TRAINING)}")
    elif model := spec.get("model"):
        lines.append(f"read the model file (sha256 {str(model.get('sha256', 'not known'))[:12]})")
    lines += [_step(step) for step in spec.get("steps") or []]
    return [shown(line) for line in lines]


def stage_keys(facts: VariantFacts) -> list[str]:
    """Return the keys of the stages of a variant, one for each line of `lineage`; none where the record has not all."""
    steps = facts.spec.get("steps")
    if not isinstance(steps, list) or digest(facts.spec) != facts.artifact.key:
        return []
    return [digest({**facts.spec, "steps": steps[:count]}) for count in range(len(steps) + 1)]


def stage_seconds(keys: Sequence[str], store: Store) -> dict[str, float]:
    """Return how long making each stage took, in seconds, of those whose entry in `store` says so.

    Of a shared store only what is on this machine is read: nothing is fetched for a time.
    """
    found, here = {}, Store(store.root)
    for key in dict.fromkeys(keys):
        try:
            entry = here.find(key)
        except StoreError:
            continue
        seconds = entry.about.get("seconds") if entry else None
        if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and 0 <= seconds < 1e9:
            found[key] = float(seconds)
    return found


def _named(network: Any) -> str:
    if not isinstance(network, Mapping):
        return str(network)
    params = network.get("params") or {}
    return f"{network.get('name')}{_listed(params, params)}"


def _step(step: Mapping[str, Any]) -> str:
    if "conversion" in step:
        conversion = step["conversion"] or {}
        others = {key: value for key, value in conversion.items() if key not in ("mode", "version")}
        return f"convert to {conversion.get('mode')}{_listed(others, _unusual(others, _conversion_defaults()))}"
    name = str(step.get("technique"))
    found = {key: value for key, value in step.items() if key not in ("technique", "version", "needs")}
    technique = TECHNIQUES.get(name)
    defaults = _defaults(technique.step) if technique else {}
    told = [*_unusual(found, defaults), *(key for key in ("epochs",) if key in found)]
    return f"{name}{_listed(found, dict.fromkeys(told))}"


def _unusual(found: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[str]:
    return (key for key, value in found.items() if key not in defaults or defaults[key] != value)


def _conversion_defaults() -> dict[str, Any]:
    from optkit.spec import Conversion

    return _defaults(Conversion)


def _defaults(kind: Any) -> dict[str, Any]:
    """Return the defaults of a dataclass' fields as a record has them: lists for tuples."""
    found = {}
    for field in dataclasses.fields(kind):
        if field.default is not dataclasses.MISSING:
            found[field.name] = list(field.default) if isinstance(field.default, tuple) else field.default
        elif field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory()
    return found


def _listed(values: Mapping[str, Any], names: Any) -> str:
    told = [f"{name} {values[name]}" for name in names if name in values]
    return f" ({', '.join(told)})" if told else ""


def rebuild_command(facts: VariantFacts) -> str:
    """Return the command that builds a variant again, from the suite and the data that its record names."""
    suite = facts.suite_path or facts.suite
    words = ["optkit", "build", shlex.quote(shown(suite)), "--variants", facts.variant]
    entry = next((entry for entry in DATASETS.values() if facts.dataset.name in entry.names), None)
    if entry and len(entry.names) > 1 and entry.names[-1].endswith("-embedded"):
        words += ["--data", "embedded" if facts.dataset.name == entry.names[-1] else "full"]
    return " ".join(words)
