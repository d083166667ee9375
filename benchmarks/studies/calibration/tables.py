"""What the records show: how often each rule was right, with exact intervals, as tables in Markdown.

Law: every rule is given the same pairs in the same slots; a rate has its 95 % interval (Clopper and Pearson 1934).
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any

from benchmarks.studies.calibration.load import CONDITIONS
from benchmarks.studies.calibration.plan import KINDS, SAME, kind_of

Record = Mapping[str, Any]
MEAN_THRESHOLD, RANK_LEVEL = 0.05, 0.01


def mean_fails(record: Record) -> bool:
    """Whether `--benchmark-compare-fail=mean:5%` fails: the mean grew by more than 5 %, whatever its scatter."""
    plain = record["plain"]
    return bool(plain["head"]["mean"] / plain["base"]["mean"] - 1 > MEAN_THRESHOLD)


def ranks_fail(record: Record) -> bool:
    """Whether a one-sided Mann-Whitney test on the rounds of both sessions calls the head slower at 1 %."""
    from scipy.stats import mannwhitneyu

    plain = record["plain"]
    test = mannwhitneyu(plain["head"]["rounds"], plain["base"]["rounds"], alternative="greater")
    return bool(test.pvalue < RANK_LEVEL)


def rate(times: int, of: int) -> str:
    """Return a share in percent with its exact 95 % interval."""
    from scipy.stats import binomtest

    if not of:
        return "–"
    interval = binomtest(times, of).proportion_ci(0.95, method="exact")
    return f"{100 * times / of:.1f} % ({100 * interval.low:.1f}–{100 * interval.high:.1f})"


def verdict_rows(condition: str, records: Sequence[Record]) -> list[list[str]]:
    """Return a row for each kind of pair that was taken under `condition`."""
    rows = []
    for kind, (_, margin) in KINDS.items():
        of_kind = [record for record in records if record["kind"] == kind]
        if not of_kind:
            continue
        words = Counter(record["verdict"] for record in of_kind)

        def share(rule: Callable[[Record], bool], of_kind: Sequence[Record] = of_kind) -> str:
            return rate(sum(map(rule, of_kind)), len(of_kind))

        seconds = [record["seconds"] for record in of_kind]
        rows.append(
            [
                condition,
                kind,
                margin.replace("%", " %"),
                f"{len(of_kind)} of {len({(record['base'], record['head']) for record in of_kind})}",
                share(lambda record: record["verdict"] == "slower"),
                *(str(words[word]) for word in ("same", "faster", "inconclusive")),
                f"{statistics.median(seconds):.1f} ({max(seconds):.0f})",
                f"{statistics.median(record['processes'] for record in of_kind):g}",
                share(mean_fails),
                share(ranks_fail),
            ]
        )
    return rows


def truth_rows(truths: Sequence[Record]) -> list[list[str]]:
    """Return a row for each pair whose true ratio was measured."""
    return [
        [
            kind_of(one["ratio"]) or "none",
            f"`{one['head']}`",
            f"{1e6 * one['seconds']:,.0f}",
            f"{one['ratio']:.4f} ({one['low']:.4f}–{one['high']:.4f})",
            str(one["processes"]),
            f"{100 * one['scatter']:.2f} %",
        ]
        for one in truths
    ]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows))


VERDICT_HEADS = (
    "competing processes",
    "head",
    "margin",
    "invocations of pairs",
    "`slower`",
    "`same`",
    "`faster`",
    "`inconclusive`",
    "seconds, median (longest)",
    "processes, median",
    "`mean:5%` fails",
    "Mann-Whitney fails",
)
REPEATED_HEADS = (
    "competing processes",
    "file",
    "`same`",
    "`slower`",
    "`faster`",
    "`inconclusive`",
    "head / base",
    "seconds, median (longest)",
    "processes, median",
)
TRUTH_HEADS = ("kind", "head", "µs a call", "true ratio (95 %)", "processes", "scatter")


def repeated_rows(found: Mapping[tuple[str, str], Sequence[Record]]) -> list[list[str]]:
    """Return a row for each identical pair that was taken again and again, by condition and name."""
    rows = []
    for (condition, name), records in found.items():
        words = Counter(record["verdict"] for record in records)
        ratios = [record["ratio"] for record in records]
        seconds = [record["seconds"] for record in records]
        rows.append(
            [
                condition,
                f"`{name}`",
                f"{words['same']} of {len(records)}",
                *(str(words[word]) for word in ("slower", "faster", "inconclusive")),
                f"{min(ratios):.4f} to {max(ratios):.4f}",
                f"{statistics.median(seconds):.1f} ({max(seconds):.0f})",
                f"{statistics.median(record['processes'] for record in records):g}",
            ]
        )
    return rows


def clock_text(records: Sequence[Record]) -> str:
    """Say by which clock `ab` took its times; records of before there was a choice do not say it."""
    clocks = {record.get("clock", "wall") for record in records}
    return " and ".join({"cpu": "CPU time", "wall": "wall clock"}[clock] for clock in sorted(clocks))


def document(
    truth: tuple[Record, Sequence[Record]],
    found: Mapping[str, tuple[Record, Sequence[Record]]],
    repeated: Mapping[tuple[str, str], Sequence[Record]] = MappingProxyType({}),
) -> str:
    """Return the part of docs/evidence/ab.md: `truth` and, by condition, what was found, each with its header.

    `repeated` are the invocations of identical pairs that were taken again and again, by condition and name.
    """
    header, truths = truth
    machine = header["environment"]
    versions = ", ".join(f"{name} {machine[name]}" for name in ("ai-edge-litert", "numpy", "scipy"))
    days = sorted({record["began"][:10] for _, records in found.values() for record in records})
    where = f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}, {versions}"
    rows = [row for name in CONDITIONS if name in found for row in verdict_rows(name, found[name][1])]
    same = {record["base"] for _, records in found.values() for record in records if record["kind"] == SAME}
    span = f" Identical pairs: {', '.join(f'`{name}`' for name in sorted(same))}." if same else ""
    when = f", {' to '.join(dict.fromkeys((days[0], days[-1])))}" if days else ""
    clock = clock_text([*truths, *chain(*(records for _, records in found.values())), *chain(*repeated.values())])
    again = f"One identical pair, again and again:\n\n{table(REPEATED_HEADS, repeated_rows(repeated))}\n\n"
    return (
        f"Measured on {where}{when}; `ab` timed by {clock}.{span}\n\n"
        f"{table(VERDICT_HEADS, rows)}\n\n{again * bool(repeated)}"
        f"True ratios of the slower heads:\n\n{table(TRUTH_HEADS, truth_rows(truths))}"
    )
