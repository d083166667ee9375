"""What the saved spec of a file says of how it was made: the model that was converted, and the conversion.

Law: read from the record alone; a spec that says nothing of it gives nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def conversion_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of the conversion that a file was made by; empty of a Keras file."""
    steps = spec.get("steps") or [{}]
    found: dict[str, Any] = steps[-1].get("conversion") or {}
    return found


def mode_of(spec: Mapping[str, Any]) -> str:
    """Return the mode of the conversion, such as `int8`; empty of a Keras file."""
    return str(conversion_of(spec).get("mode", ""))


def model_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the spec says of the Keras model that was converted, or that is the file."""
    steps = spec.get("steps") or []
    return {**spec, "steps": steps[:-1] if conversion_of(spec) else steps}


def is_float(spec: Mapping[str, Any]) -> bool:
    """Tell whether a file was converted with all weights in float32."""
    conversion = conversion_of(spec)
    return conversion.get("mode") == "float32" and not conversion.get("layers")


def extras(spec: Mapping[str, Any]) -> int:
    """Return how much else a conversion did to the file: sparse encoding, stripping of names."""
    return sum(conversion_of(spec).get(name) not in (None, False, "nothing") for name in ("sparse", "strip"))
