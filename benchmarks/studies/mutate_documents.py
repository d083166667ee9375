"""Damage suites and saved runs in many ways, and count what optkit says of them.

    python -m benchmarks.studies.mutate_documents --suites 600 --runs 2300 --seed 1

Whatever the bytes are, there are two good outcomes: they are read, or an OptkitError says why not. Any other exception
is a defect; the script prints how to make it again and ends with 1.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from optkit import OptkitError, Store, Tolerances, check_run, compare_runs, load_suite, make_history, read_run
from optkit.judge.gates import exit_code, explain, remember
from optkit.judge.saved_runs import read_runs
from optkit.report.comparison import comparison_text
from optkit.report.gates import gate_notes
from optkit.report.history import history_text
from optkit.report.text import summary, variants_table, verdicts_text
from optkit.suites import built_in, suite_text
from optkit.suites.form import tomllib

ROOT = Path(__file__).resolve().parents[2]
RUNS = sorted((ROOT / "docs" / "results" / "runs").glob("*.json"))
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, -5, 2.0, 0.5, 1e300, -1e300, 1e-300, 1 << 53, 1 << 64, 10**400),
    *("", "x", "on", "\0", "[/bold]", ":smile:", "\u202e", "a" * 5000, "nowhere.toml", "/", "é"),
    *([], {}, [[]], [None], {"on": 1}, {"": {}}, {"a": {"b": [1, {"c": None}]}}, ["x"], [1, "x", None]),
)
"""What stands in the place of a value."""
Place = tuple[Any, Any]


def places(value: Any) -> Iterator[Place]:
    """Yield (container, key) of everything in `value`."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from places(item)


def nested(levels: int, table: bool) -> Any:
    """Return tables or lists, `levels` deep."""
    found: Any = {} if table else []
    for _ in range(levels):
        found = {"on": found} if table else [found]
    return found


def mutate(document: Any, random_: random.Random) -> str:
    """Change one place of `document`; return what was done."""
    container, key = random_.choice(list(places(document)))
    way = random_.choice(("replace", "replace", "delete", "duplicate", "nest", "swap", "number", "rename"))
    if way == "delete":
        del container[key]
    elif way == "duplicate" and isinstance(container, list):
        container.insert(key, copy.deepcopy(container[key]))
    elif way == "nest":
        container[key] = nested(random_.choice((5, 60, 150)), random_.random() < 0.5)
    elif way == "swap":
        other, place = random_.choice(list(places(document)))
        container[key] = copy.deepcopy(other[place])
    elif way == "number" and isinstance(container[key], (int, float)):
        container[key] = container[key] * random_.choice((-1, 0, 0.5, 1.0001, 2, 1e9)) + random_.choice((0, 1))
    elif way == "rename" and isinstance(container, dict):
        container[random_.choice(("on", "from", "name", "x", ""))] = container.pop(key)
    else:
        container[key] = copy.deepcopy(random_.choice(ODD))
    return way


def mutate_bytes(data: bytes, random_: random.Random) -> bytes:
    """Change bytes of a text: one that is not UTF-8, a bit, a part cut out or doubled, brackets without an end."""
    at = random_.randrange(len(data))
    size = random_.choice((1, 8, 300))
    return random_.choice(
        (
            data[:at] + b"\xff" + data[at:],
            data[:at] + bytes([data[at] ^ (1 << random_.randrange(8))]) + data[at + 1 :],
            data[:at] + data[at + size :],
            data[:at] + data[at : at + size] + data[at:],
            data[:at],
            data[:at] + b"[" * random_.choice((3, 5000)) + data[at:],
            data[:at] + b'{"a":' * random_.choice((3, 5000)) + data[at:],
            data[:at] + b"9" * 5000 + data[at:],
            data[:at] + b"\x00" + data[at:],
        )
    )


def toml_text(value: Any) -> str:
    """Return `value` as an inline TOML value; null, which TOML has not, as an empty list."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(str(key))} = {toml_text(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_text, value)) + "]"
    return "[]" if value is None else json.dumps(value).replace("Infinity", "inf").replace("NaN", "nan")


def suite_cases(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield (what was done, the file), `count` in all, the built-in suites in turn; a third changed as bytes."""
    for number in range(count):
        random_ = random.Random(f"suite {seed} {number}")
        name = built_in()[number % len(built_in())]
        text = suite_text(name)
        if number % 3 == 2:
            yield f"suite {number}: {name}, bytes", mutate_bytes(text.encode(), random_)
            continue
        document = tomllib.loads(text)
        ways = [mutate(document, random_) for _ in range(random_.choice((1, 1, 1, 3))) if list(places(document))]
        lines = "\n".join(f"{json.dumps(key)} = {toml_text(value)}" for key, value in document.items())
        yield f"suite {number}: {name}, {'+'.join(ways)}", lines.encode()


def run_cases(count: int, seed: int, paths: list[Path] | None = None) -> Iterator[tuple[str, Path, bytes]]:
    """Yield (what was done, the good run, the file), `count` in all; a quarter changed as bytes."""
    paths = paths or RUNS
    for number in range(count):
        random_ = random.Random(f"run {seed} {number}")
        path = paths[number % len(paths)]
        data = path.read_bytes()
        if number % 4 == 3:
            yield f"run {number}: {path.stem}, bytes", path, mutate_bytes(data, random_)
            continue
        document = json.loads(data)
        part: Any = document
        if random_.random() < 0.8:  # most of a file is weights: look elsewhere as often
            benchmark = random_.choice(document["benchmarks"])
            info = benchmark["extra_info"]["optkit"]
            stats = benchmark["stats"]
            part = random_.choice((benchmark, info, info["artifact"], info["dataset"], stats, info["spec"]))
            if part is not stats:  # the same in all records of the variant, or they contradict each other
                way = _everywhere(document, info, part, random_)
                yield f"run {number}: {path.stem}, {way}", path, json.dumps(document).encode()
                continue
        ways = [mutate(part, random_) for _ in range(random_.choice((1, 1, 3))) if list(places(part))]
        yield f"run {number}: {path.stem}, {'+'.join(ways)}", path, json.dumps(document).encode()


def _everywhere(document: Any, info: Any, part: Any, random_: random.Random) -> str:
    """Change `part` of one record, and let every record of the same variant say so, too."""
    timed = ("mode", "threads", "batch", "samples", "strategy", "trial", "session", "paired", "cpu_rounds")
    variant = info["variant"]
    way = mutate(part, random_) if list(places(part)) else "nothing"
    if isinstance(info, dict):
        for other in document["benchmarks"]:
            mine = other.get("extra_info")
            mine = mine.get("optkit") if isinstance(mine, dict) else None
            if isinstance(mine, dict) and mine is not info and mine.get("variant") == variant:
                kept = {key: value for key, value in mine.items() if key in timed or key.startswith("reference")}
                mine.clear()
                mine.update({**copy.deepcopy(info), **kept})
    return f"{way} everywhere"


def read_suite_file(path: Path) -> None:
    """Do with a suite file what commands do before anything is built."""
    suite = load_suite(str(path))
    variants_table(suite)
    for name in suite.profiles:
        load_suite(f"{path}:{name}")


def use_run(path: Path, good: Path, store: Store) -> None:
    """Do with a saved run what commands do: show, judge, remember, explain, compare with the good one, a history."""
    runs, unread = read_runs(path.parent)
    history_text(make_history(runs, Tolerances(), unread=unread), Tolerances())
    run = read_run(path)
    summary(run)
    suite = load_suite(run.suite, run.dataset.name)
    verdicts = check_run(suite, run)
    for all_or_some in (verdicts, check_run(suite, run, whole=True)):
        verdicts_text([explain(store, run, v) for v in all_or_some], notes=gate_notes(suite, run, all_or_some))
        exit_code(all_or_some)
    remember(store, run, verdicts)
    for across in (False, True):
        comparison_text(compare_runs(read_run(good), run, across_environments=across), Tolerances())
        comparison_text(compare_runs(run, read_run(good), across_environments=across), Tolerances())


def outcome(call: Callable[[], None]) -> tuple[str, str]:
    """Return how `call` ended (read, refused, or the name of a defect), and the defect's traceback."""
    try:
        call()
    except OptkitError as error:
        if "\n" in str(error):
            return "defect: a message of several lines", str(error)
        return "refused", ""
    except Exception as error:
        return f"defect: {type(error).__name__}", traceback.format_exc(limit=-3)
    return "read", ""


def try_all(suites: int, runs: int, seed: int, folder: Path) -> tuple[Counter[str], list[tuple[str, str]]]:
    """Return how many documents ended how, and the defects with their tracebacks."""
    counts: Counter[str] = Counter()
    defects: list[tuple[str, str]] = []

    def count(kind: str, about: str, call: Callable[[], None]) -> None:
        found, trace = outcome(call)
        counts[f"{kind}: {found}"] += 1
        if trace:
            defects.append((about, trace))

    for about, data in suite_cases(suites, seed):
        path = folder / "suite.toml"
        path.write_bytes(data)
        count("suites", about, lambda path=path: read_suite_file(path))  # type: ignore[misc]
    (folder / "runs").mkdir(exist_ok=True)
    store = Store(folder / "store")
    for about, good, data in run_cases(runs, seed):
        path = folder / "runs" / "run.json"
        path.write_bytes(data)
        count("runs", about, lambda path=path, good=good: use_run(path, good, store))  # type: ignore[misc]
    return counts, defects


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suites", type=int, default=600, metavar="N", help="damaged suite files (600)")
    parser.add_argument("--runs", type=int, default=2300, metavar="N", help="damaged saved runs (2300)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all choices (1)")
    options = parser.parse_args(arguments)
    began = datetime.now(timezone.utc)
    with tempfile.TemporaryDirectory(prefix="optkit-mutate-") as folder:
        counts, defects = try_all(options.suites, options.runs, options.seed, Path(folder))
    for about, trace in defects:
        print(f"--- {about}\n{trace}", file=sys.stderr)
    for name, number in sorted(counts.items()):
        print(f"{number:6} {name}")
    print(f"{len(defects)} defects; {(datetime.now(timezone.utc) - began).total_seconds():.0f} s")
    return 1 if defects else 0


if __name__ == "__main__":
    sys.exit(main())
