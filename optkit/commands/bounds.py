"""`--max-METRIC` and `--min-METRIC`: bounds in the same words wherever a command takes them."""

from __future__ import annotations

import argparse

from optkit.spec.bounds import QUANTITIES

_DEST = "bound "


def add_bounds(parser: argparse.ArgumentParser, more: str) -> None:
    """Add a group of options with a maximum and a minimum of each quantity. `more` ends what is said of it."""
    about = (
        "--max-METRIC VALUE and --min-METRIC VALUE, each as often as you like; a fraction may be a percentage, such as "
        f"0.5%. METRIC is one of: {', '.join(name.replace('_', '-') for name in QUANTITIES)}. {more}"
    )
    bounds = parser.add_argument_group("bounds", about)
    for name in QUANTITIES:
        for kind in ("max", "min"):
            option = f"--{kind}-{name.replace('_', '-')}"
            bounds.add_argument(option, dest=f"{_DEST}{kind}_{name}", type=number, help=argparse.SUPPRESS)


def given_bounds(options: argparse.Namespace) -> dict[str, float]:
    """Return the bounds that were given, by key such as `max_zip_bytes`."""
    found = {key.removeprefix(_DEST): value for key, value in vars(options).items() if key.startswith(_DEST)}
    return {key: value for key, value in found.items() if value is not None}


def number(value: str) -> float:
    """Turn `10000`, `10_000`, `0.005` or `0.5%` into a number."""
    try:
        found = float(value[:-1]) / 100 if value.endswith("%") else float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {value!r}; expected a number, such as 10000 or 0.5%") from None
    return round(found, 12) if value.endswith("%") else found
