"""Two files: how they differ, and why one takes longer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from optkit.inspect.causes import Side
from optkit.inspect.differences import Differences, compare_graphs
from optkit.inspect.inspection import Inspection, inspect_model
from optkit.inspect.profile import PROCESSES, Profile
from optkit.inspect.reasons import Explanation, explain_times
from optkit.inspect.roofline import Ceiling, Speed, ceiling, speeds
from optkit.inspect.times import on_built_in, time_operators
from optkit.inspect.tries import Try, try_ways
from optkit.tflite.verify import verify_file


@dataclass(frozen=True, kw_only=True)
class PairInspection:
    """Two inspected files and how they differ in what they compute: `base` is the first, `head` the second."""

    base: Inspection
    head: Inspection
    differences: Differences


@dataclass(frozen=True, kw_only=True)
class ExplainedTimes:
    """The times of one file, or of two: a side each, what the machine can do, and why two differ."""

    sides: tuple[Side, ...]
    ceiling: Ceiling
    explanation: Explanation | None = None


def inspect_pair(
    base: str | Path, head: str | Path, *, threads: int = 1, batch: int = 1, seconds: float | None = None
) -> PairInspection:
    """Return what is in two .tflite files and how they differ, matched by structure and not by names.

    The options are those of `inspect_model`. Raises ArtifactError as that does.
    """
    both = [inspect_model(path, threads=threads, batch=batch, seconds=seconds) for path in (base, head)]
    models = [verify_file(Path(path)) for path in (base, head)]
    differences = compare_graphs(both[0].graphs, both[1].graphs, *models)
    return PairInspection(base=both[0], head=both[1], differences=differences)


def explain_model(found: Inspection, *, processes: int = PROCESSES) -> ExplainedTimes:
    """Return where the time of an inspected file goes, and what makes it faster here. Raises ArtifactError."""
    profile = time_operators(found, processes=processes)[0]
    most = ceiling(found.running.threads)
    return ExplainedTimes(sides=(_side(found, profile, most, try_ways(found)),), ceiling=most)


def explain_pair(pair: PairInspection, *, processes: int = PROCESSES) -> ExplainedTimes:
    """Return where the times of two inspected files go, and why they differ; the slower is run in other ways, too.

    Raises ArtifactError when a file does not run here.
    """
    profiles = time_operators(pair.base, pair.head, processes=processes)
    most = ceiling(pair.base.running.threads)
    slower = 0 if profiles[0].whole > profiles[1].whole else 1
    sides = []
    for number, (found, profile) in enumerate(zip((pair.base, pair.head), profiles, strict=True)):
        tried: tuple[Try, ...] = try_ways(found) if number == slower else ()
        other = on_built_in(found) if number == slower and profile.method == "profiler" else None
        sides.append(_side(found, profile, most, tried, other))
    explanation = explain_times(sides[0], sides[1], pair.differences)
    return ExplainedTimes(sides=tuple(sides), ceiling=most, explanation=explanation)


def _side(
    found: Inspection, profile: Profile, most: Ceiling, tried: tuple[Try, ...], built_in: Profile | None = None
) -> Side:
    fast: tuple[Speed, ...] = speeds(found, profile, most)
    return Side(found=found, profile=profile, speeds=fast, tried=tried, built_in=built_in)
