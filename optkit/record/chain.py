"""How a file was made, as its record says: the model that was converted, and the conversion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optkit.record.facts import ConversionFacts, VariantFacts
from optkit.spec import Conversion


def conversion_facts(conversion: Conversion | None) -> ConversionFacts | None:
    """Return what a record keeps of a conversion; None of no conversion."""
    if conversion is None:
        return None
    return _facts(conversion.mode, conversion.layers, sparse=conversion.sparse, strip=conversion.strip)


def conversion_in(spec: Mapping[str, Any]) -> ConversionFacts | None:
    """Return the same as the saved spec of a file has it, in its last step; None when it says nothing of it.

    Records of before have it nowhere else. It is read from there only when such a record is read, and to check others.
    """
    steps = spec.get("steps") or [{}]
    saved = steps[-1].get("conversion") or {}
    if "mode" not in saved:
        return None
    return _facts(
        str(saved["mode"]), saved.get("layers"), sparse=saved.get("sparse"), strip=saved.get("strip") or "nothing"
    )


def _facts(mode: str, layers: Any, *, sparse: Any, strip: str) -> ConversionFacts:
    extras = (("sparse", bool(sparse)), ("strip", strip != "nothing"))
    return ConversionFacts(mode=mode, layers=bool(layers), extras=tuple(name for name, done in extras if done))


def mode_of(facts: VariantFacts) -> str:
    """Return the mode of the conversion, such as `int8`; empty of a file that no conversion made."""
    return facts.conversion.mode if facts.conversion else ""


def model_of(facts: VariantFacts) -> dict[str, Any]:
    """Return what the spec says of the model that was converted, or that is the file."""
    steps = facts.spec.get("steps") or []
    return {**facts.spec, "steps": steps[:-1] if facts.conversion else steps}


def is_float(facts: VariantFacts) -> bool:
    """Tell whether a file was converted with all weights in float32."""
    return mode_of(facts) == "float32" and facts.conversion is not None and not facts.conversion.layers


def extras(facts: VariantFacts) -> int:
    """Return how much else a conversion did to the file: sparse encoding, stripping of names."""
    return len(facts.conversion.extras) if facts.conversion else 0
