"""`optkit store`: what the store holds, whether it is whole, and the removal of what nobody needs."""

from __future__ import annotations

import argparse
import shutil
import time
from collections import Counter
from typing import Any

from optkit.build.cleaning import Held, damages, held, leftovers, remove, unused_for
from optkit.build.graph import graph
from optkit.build.shared import open_store
from optkit.build.stages import stages
from optkit.build.store import Store
from optkit.commands.command import Command, add_data, add_store, names
from optkit.errors import OptkitError
from optkit.files.configuration import allowed_packages
from optkit.report.grid import rows_text
from optkit.suites import open_suite

SCHEMA = 1
_DAY = 86_400.0


def _options(parser: argparse.ArgumentParser) -> None:
    add_store(parser)
    parser.add_argument(
        "action",
        choices=("ls", "du", "verify", "gc"),
        help="ls: list the entries; du: sizes by kind; verify: check every digest; gc: remove what is old",
    )
    parser.add_argument("--older-than", type=float, metavar="DAYS", help="gc: remove what was not used for so long")
    about = "gc: keep what these suites are built of, however old it is"
    parser.add_argument("--keep", type=names, default=(), metavar="SUITE,…", help=about)
    add_data(parser, "gc: which data of these suites")
    parser.add_argument("--dry-run", action="store_true", help="gc: say what would go, and remove nothing")


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    store = open_store(options.store)
    if options.action == "gc":
        return _collected(options, store)
    if options.action == "verify":
        found = list(damages(store))
        said = [f"{key}  {damage}" for key, damage in found] or ["every entry is whole"]
        result = {"schema": SCHEMA, "damaged": [{"key": key, "damage": damage} for key, damage in found]}
        return result, "\n".join(said), 1 if found else 0
    entries = list(held(store))
    return (_sizes if options.action == "du" else _listed)(entries)


def _listed(entries: list[Held]) -> tuple[Any, str, int]:
    result = [{"key": e.key, "bytes": e.bytes, "label": e.label, "days_unused": round(_days(e), 2)} for e in entries]
    heads = ("key", "bytes", "days unused", "made by")
    rows = [(e.key[:12], f"{e.bytes:,}", f"{_days(e):.1f}", e.label) for e in entries]
    shown = rows_text(heads, rows, left=(0, 3)) if rows else "the store is empty"
    return {"schema": SCHEMA, "entries": result}, shown, 0


def _sizes(entries: list[Held]) -> tuple[Any, str, int]:
    sizes, numbers = Counter[str](), Counter[str]()
    for entry in entries:
        sizes[entry.label] += entry.bytes
        numbers[entry.label] += 1
    rows = [(label, f"{numbers[label]:,}", f"{size:,}") for label, size in sizes.most_common()]
    rows.append(("all", f"{len(entries):,}", f"{sum(sizes.values()):,}"))
    kinds = [{"label": label, "entries": numbers[label], "bytes": size} for label, size in sizes.most_common()]
    result = {"schema": SCHEMA, "entries": len(entries), "bytes": sum(sizes.values()), "kinds": kinds}
    return result, rows_text(("made by", "entries", "bytes"), rows, left=(0,)), 0


def _collected(options: argparse.Namespace, store: Store) -> tuple[Any, str, int]:
    if options.older_than is None or not options.older_than >= 0:
        raise OptkitError("gc removes what was not used for some time; say how many days with --older-than")
    kept: set[str] = set()
    for name in options.keep:
        suite, dataset = open_suite(name, options.data, allowed=allowed_packages(options.allow))
        kept |= graph(stages(suite, variant, dataset.digest) for variant in suite.variants).keys()
    old = unused_for(list(held(store)), options.older_than * _DAY)
    going = [one for one in old if one.key not in kept and not kept.intersection(one.of)]
    if options.dry_run:
        removed = len(going)
    else:
        removed = remove(store, [one.key for one in going])
        for path in leftovers(store):
            if time.time() - path.stat().st_mtime > options.older_than * _DAY:
                shutil.rmtree(path, ignore_errors=True)
    size = sum(one.bytes for one in going)
    result = {"schema": SCHEMA, "removed": removed, "bytes": size, "dry_run": options.dry_run}
    said = "would remove" if options.dry_run else "removed"
    return result, f"{said} {removed:,} of {len(old):,} old entries, {size:,} bytes", 0


def _days(entry: Held) -> float:
    return max(0.0, time.time() - entry.used) / _DAY


STORE = Command("list, check and clean the artifact store", "optkit store gc --older-than 30", _options, _run)
