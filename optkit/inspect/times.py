"""The times of inspected files: by LiteRT's profiler, by the pieces of the graph where that cannot be had."""

from __future__ import annotations

from collections.abc import Sequence

from optkit.inspect.inspection import Inspection
from optkit.inspect.prefixes import time_prefixes
from optkit.inspect.profile import PROCESSES, NoProfiler, Profile, profile_models


def time_operators(*found: Inspection, processes: int = PROCESSES) -> list[Profile]:
    """Return the time of each operator of inspected files, in `processes` processes that take turns.

    It is by LiteRT's own profiler; where that cannot be used, by the pieces of each graph, and `note` says why. Threads
    and batch are those that the files were inspected with. Raises ArtifactError when a file does not run here.
    """
    try:
        return profile_models(found, processes=processes)
    except NoProfiler as error:
        return [time_prefixes(one, note=str(error)) for one in found]


def on_built_in(found: Inspection, processes: int = 2) -> Profile | None:
    """Return the times of an inspected file on LiteRT's own kernels; None where the profiler cannot be used."""
    try:
        return profile_models([found], kernels="built-in", processes=processes)[0]
    except NoProfiler:
        return None


def disagreement(one: Profile, other: Profile) -> tuple[int, float] | None:
    """Return the operator on which two ways to time a file differ most, and by what share of the whole."""
    shared: Sequence[tuple[int, float]] = [
        (timed.operators[0], (timed.seconds - match.seconds) / one.whole)
        for timed in one.timed
        if len(timed.operators) == 1 and (match := other.of(timed.operators[0])) and len(match.operators) == 1
    ]
    return max(shared, key=lambda item: abs(item[1]), default=None)
