"""Load a file into the runtime, with the settings, that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from optkit.errors import ArtifactError, OptkitError, SuiteError
from optkit.runtime.litert import TFLiteRunner, load_litert
from optkit.runtime.protocol import Runner, Runtime
from optkit.runtime.registry import find_runtime, make_settings, settings_values
from optkit.spec import Variant
from optkit.spec.running import PLAIN, Running

Load = Callable[..., Any]
"""`load(path, threads=…, batch=…, sample_shapes=…)` gives a Runner."""


def check_running(running: Running) -> Runtime:
    """Return the runtime. Raises SuiteError for an unknown one or a wrong setting, ArtifactError when not installed."""
    runtime = find_runtime(running.runtime)
    if running.tuned and not runtime.tunable:
        raise SuiteError(f"runtime {running.runtime!r} has no settings to tune; drop settings")
    if not isinstance(running.settings, str):
        make_settings(runtime, running.settings)
    return runtime


def check_variants(variants: Iterable[Variant]) -> None:
    """Raise as `check_running`, with the variant's name, for the first of `variants` that cannot be run as it says."""
    for variant in variants:
        if not variant.running.plain:
            try:
                check_running(variant.running)
            except OptkitError as error:
                raise type(error)(f"variant {variant.name!r}: {error}") from error


def loader(running: Running = PLAIN) -> Load:
    """Return what loads files as `running` says; for LiteRT with its defaults that is `TFLiteRunner` itself.

    Raises as `check_running`. Settings that are still to be tuned are taken as the defaults.
    """
    if running.plain or (running.runtime == PLAIN.runtime and running.tuned):
        return TFLiteRunner
    runtime = check_running(running)
    settings = make_settings(runtime, {} if isinstance(running.settings, str) else running.settings)

    def load(path: Path, **more: Any) -> Runner:
        if path.suffix not in runtime.suffixes:
            known = " or ".join(runtime.suffixes)
            raise ArtifactError(f"{path} is not for runtime {runtime.name!r}; expected a {known} file")
        kind: Load = load_litert if runtime.name == PLAIN.runtime else runtime.runner
        return kind(path, settings, **more)  # type: ignore[no-any-return]

    return load


def shipped_file(path: Path, running: Running) -> bytes | None:
    """Return what is shipped of the file at `path` when it runs so; None when that is the file itself.

    Raises as `check_running`, and as the runtime's `ships`.
    """
    if running.plain or isinstance(running.settings, str):
        return None
    runtime = check_running(running)
    return runtime.ships(path, make_settings(runtime, running.settings)) if runtime.ships else None


def facts_of(running: Running) -> dict[str, Any]:
    """Return what a record says: name, version and, where they are not the defaults, settings."""
    runtime = check_running(running)
    found: dict[str, Any] = {"name": runtime.name, "version": runtime.version()}
    if isinstance(running.settings, str):
        return {**found, "settings": {"chosen": running.settings}}
    settings = settings_values(make_settings(runtime, running.settings))
    return {**found, "settings": settings} if settings else found
