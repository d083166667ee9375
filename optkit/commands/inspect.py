"""`optkit inspect`: what is in a .tflite file, where its time goes, and how two files differ."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from optkit.commands.command import Command, add_time_limit, count
from optkit.commands.running import add_running, running_of
from optkit.errors import OptkitError
from optkit.inspect.causes import Side
from optkit.inspect.elsewhere import look_at
from optkit.inspect.hardware import HARDWARE, find_hardware, objections
from optkit.inspect.inspection import inspect_model
from optkit.inspect.pair import ExplainedTimes, explain_model, explain_pair, inspect_pair
from optkit.inspect.prefixes import time_prefixes
from optkit.inspect.profile import PROCESSES, Profile
from optkit.inspect.times import disagreement
from optkit.report.elsewhere import look_text
from optkit.report.hardware import hardware_text
from optkit.report.inspect import inspection_text
from optkit.report.inspect_pair import differences_text, explanation_text, pair_head
from optkit.report.inspect_times import profile_text, second_way_text, tries_text
from optkit.report.micro_tables import tables_text
from optkit.runtime.micro_tables import write_tables

SCHEMA = 1
"""Of what --json prints."""


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL.tflite", help="a .tflite file, whoever made it")
    about = "another one: how do they differ, and with --profile, why is one slower?"
    parser.add_argument("other", type=Path, nargs="?", metavar="OTHER.tflite", help=about)
    parser.add_argument("--profile", action="store_true", help="time each operator, and try what makes the file faster")
    about = "time each operator a second time, by pieces of the graph and without a profiler (implies --profile)"
    parser.add_argument("--prefixes", action="store_true", help=about)
    about = f"processes that time a file ({PROCESSES})"
    parser.add_argument("--processes", type=count, default=PROCESSES, metavar="N", help=about)
    parser.add_argument("--threads", type=count, default=1, metavar="N", help="threads of LiteRT (1)")
    parser.add_argument("--batch", type=count, default=1, metavar="N", help="samples in a call (1)")
    add_running(parser, "would this runtime run the file, and with how much memory?")
    about = "write the file there with its weights as lookup tables, for --runtime tflite_micro: less flash, more RAM"
    parser.add_argument("--lookup-tables", type=Path, metavar="OUT.tflite", help=about)
    about = f"also say what would not run there, by its published list: {', '.join(HARDWARE)}"
    parser.add_argument("--hardware", default="", metavar="NAME", help=about)
    add_time_limit(parser)


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    if options.other and (options.runtime or options.settings or options.hardware):
        raise OptkitError("--runtime, --settings and --hardware are for one file; leave the other one out")
    result, text = _pair(options) if options.other else _one(options)
    return {"schema": SCHEMA, **result}, text, 0


def _one(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    if options.lookup_tables and options.runtime != "tflite_micro":
        raise OptkitError("--lookup-tables is of one runtime; add --runtime tflite_micro")
    hardware = find_hardware(options.hardware) if options.hardware else None
    running = running_of(options) if options.runtime or options.settings else None
    found = inspect_model(options.model, **_ways(options))
    result: dict[str, Any] = {"model": found}
    sections = [inspection_text(found)]
    if running:
        look = look_at(options.model, running, **_ways(options))
        result |= {"runtime": look, "arena_bytes": look.memory.arena_bytes if look.memory else None}
        sections.append(look_text(look))
    if options.lookup_tables:
        tables = write_tables(options.model, options.lookup_tables)
        result["lookup_tables"] = msgspec.to_builtins(tables)
        sections.append(tables_text(tables, str(options.lookup_tables)))
    if hardware:
        against = objections(found.graphs[0], hardware)
        result["hardware"] = {"name": hardware.name, "source": hardware.source, "would_not_run": against}
        sections.append(hardware_text(hardware, against, len(found.graphs[0].operators)))
    if options.profile or options.prefixes:
        times = explain_model(found, processes=options.processes)
        result |= {"ceiling": times.ceiling, **_side(times.sides[0])}
        sections.append(_times_text(times, 0))
        if options.prefixes and times.sides[0].profile.method == "profiler":
            second = time_prefixes(found)
            result["second_way"] = _profile(second)
            sections.append(_second_way(times.sides[0], second))
    return result, "\n\n".join(section for section in sections if section)


def _pair(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    pair = inspect_pair(options.model, options.other, **_ways(options))
    result: dict[str, Any] = {
        "model": pair.base,
        "other": pair.head,
        "pairs": pair.differences.match.pairs,
        "differences": pair.differences.found,
    }
    sections = [pair_head(pair.base, pair.head), differences_text(pair.differences)]
    if options.profile or options.prefixes:
        times = explain_pair(pair, processes=options.processes)
        result |= {"ceiling": times.ceiling, **_side(times.sides[0])}
        result |= {f"other_{name}": value for name, value in _side(times.sides[1]).items()}
        if times.explanation:
            result["explanation"] = _explanation(times)
            sections.append(explanation_text(times.explanation))
        sections += [_times_text(times, number) for number in (0, 1)]
        for side, name in zip(times.sides, ("", "other_"), strict=True):
            if options.prefixes and side.profile.method == "profiler":
                second = time_prefixes(side.found)
                result[f"{name}second_way"] = _profile(second)
                sections.append(_second_way(side, second))
    else:
        sections.append("Give --profile to see where their times go, and why one is slower.")
    return result, "\n\n".join(sections)


def _ways(options: argparse.Namespace) -> dict[str, Any]:
    return {"threads": options.threads, "batch": options.batch, "seconds": options.time_limit}


def _times_text(times: ExplainedTimes, number: int) -> str:
    side = times.sides[number]
    title = f"{side.found.path}:\n" if len(times.sides) > 1 else ""
    last = number == len(times.sides) - 1
    shown = title + profile_text(side.found, side.profile, side.speeds, times.ceiling if last else None)
    tried = tries_text(Path(side.found.path).name, side.tried)
    return f"{shown}\n\n{tried}" if tried else shown


def _second_way(side: Side, second: Profile) -> str:
    return second_way_text(side.found, side.profile, second, disagreement(side.profile, second))


def _side(side: Side) -> dict[str, Any]:
    return {
        "profile": _profile(side.profile),
        "speeds": side.speeds,
        "tried": side.tried,
        "built_in": _profile(side.built_in) if side.built_in else None,
    }


def _profile(profile: Profile) -> dict[str, Any]:
    return {**msgspec.to_builtins(profile), "outside": profile.outside, "adds_up": profile.adds_up}


def _explanation(times: ExplainedTimes) -> dict[str, Any]:
    found = times.explanation
    assert found is not None
    reasons = [{**msgspec.to_builtins(one), "change": one.change} for one in found.reasons]
    more = {"change": found.change, "decided": found.decided, "left": found.left}
    return {**msgspec.to_builtins(found), **more, "reasons": reasons}


INSPECT = Command(
    "show what is in a .tflite file, where its time goes, and how two differ",
    "optkit inspect float.tflite int8.tflite --profile",
    _options,
    _run,
)
