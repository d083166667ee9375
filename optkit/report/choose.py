"""Text of a choice: what to ship, how each bound was met, why no other, what to relax."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from optkit.judge.choice import Candidate, Check, Choice, Relaxation
from optkit.record.run import Run
from optkit.report.figures import accuracy_text, time_text
from optkit.report.grid import rows_text
from optkit.report.terminal import prose_width
from optkit.spec.bounds import Bound

_WISHES = {"smallest": "smallest zip", "fastest": "fastest", "accuracy": "most accurate"}
_NOT_KNOWN = "met, how surely is not known"


def choice_text(choice: Choice, run: Run) -> str:
    """Return what to ship as lines, with a table of the bounds and one of the other variants."""
    at = f" at {choice.at}" if choice.at else ""
    bounds = "; ".join(bound_text(bound) for bound in choice.bounds) or "none"
    lines = textwrap.wrap(f"{choice.suite}: bounds{at}: {bounds}", prose_width(), subsequent_indent="  ")
    if choice.chosen:
        lines += ["", f"ship: {choice.chosen} (of what fits, the {_WISHES[choice.wish]})", ""]
        lines += [_checks(choice.candidate(choice.chosen)), *_warnings(choice)] if choice.bounds else []
    else:
        lines += ["", "nothing fits", *_relaxed(choice)]
    lines += ["", _others(choice, run), ""]
    front = f"front ({', '.join(choice.objectives)}): {', '.join(choice.front)}"
    return "\n".join([*lines, *textwrap.wrap(front, prose_width(), subsequent_indent="  ")])


def bound_text(bound: Bound) -> str:
    """Return a bound as a reader writes it, such as `zip_bytes <= 10,000`."""
    return f"{bound.quantity} {'<=' if bound.kind == 'max' else '>='} {number(bound.value)}"


def number(value: float) -> str:
    """Return a figure: whole numbers with commas, others with four digits."""
    value += 0.0  # without the sign of a zero
    whole = value == round(value) or abs(value) >= 1e4
    return f"{value:,.0f}" if whole else f"{value:.4g}"


def flag(key: str, value: float) -> str:
    """Return the option that sets a bound, such as `--max-zip-bytes 10000`."""
    shown = f"{value:.0f}" if value == int(value) else f"{value:.12g}"
    return f"--{key.replace('_', '-')} {shown}"


def figure_text(check: Check) -> str:
    """Return the figure of a check with its interval, or that there is none."""
    if check.value is None:
        return check.word
    if check.low is None or check.high is None or check.low == check.high:
        return number(check.value)
    return f"{number(check.value)} ({number(check.low)} to {number(check.high)})"


def _checks(candidate: Candidate) -> str:
    rows = []
    for check in candidate.checks:
        where = f", {check.where}" if check.where else ""
        rows.append((f"{bound_text(check.bound)}{where}", figure_text(check), check.word, check.data))
    return rows_text(("bound", "figure", "", "from"), rows, left=(1, 2), words=3)


def _warnings(choice: Choice) -> Iterator[str]:
    """Yield what a reader should know before trusting the bounds that were met."""
    checks = choice.candidate(choice.chosen or "").checks
    names = {
        word: list(dict.fromkeys(c.bound.quantity for c in checks if c.word == word))
        for word in ("met by luck", _NOT_KNOWN)
    }
    yield ""
    if names["met by luck"]:
        yield from textwrap.wrap(
            f"{', '.join(names['met by luck'])}: the figure is within the bound, the end of its interval is not. On "
            "other samples or another day it may miss it. Add --at 95% to leave such variants out.",
            prose_width(),
        )
    if names[_NOT_KNOWN]:
        yield from textwrap.wrap(
            f"{', '.join(names[_NOT_KNOWN])}: measured once, so nothing says how surely the bound holds. For times, "
            "optkit bench --sessions 5 does.",
            prose_width(),
        )
    if not names["met by luck"] and not names[_NOT_KNOWN]:
        yield f"Each bound holds at {choice.at or '95%'}."


def _others(choice: Choice, run: Run) -> str:
    rows = [(one.variant, why_not(one, choice, run)) for one in choice.candidates if one.place != "chosen"]
    return rows_text(("variant", "why not"), rows, words=1) if rows else "the run has no other variant"


def why_not(one: Candidate, choice: Choice, run: Run) -> str:
    """Say why a variant was not chosen: the bounds that it missed, or what is better in what it was chosen by."""
    if one.place == "removed":
        return "; ".join(filter(None, (one.why, *map(_missed, one.missed))))
    if one.dominated_by:
        return f"fits, but {one.dominated_by} is nowhere worse and somewhere better"
    return f"fits, but {_less_wished(one.variant, choice, run)}"


def _missed(check: Check) -> str:
    where = f" on {check.where}" if check.where else ""
    if check.word == "not measured":
        return f"{check.bound.quantity}{where} was not measured"
    sign = ">" if check.bound.kind == "max" else "<"
    if check.word == "missed":
        return f"{check.bound.quantity}{where} {number(check.value or 0.0)} {sign} {number(check.bound.value)}"
    end = check.high if check.bound.kind == "max" else check.low
    why = f"its confidence bound is {number(end)}" if end is not None else f"{check.data} shows nothing"
    return f"{check.bound.quantity}{where} {number(check.value or 0.0)} is not shown to be {_side(check.bound)}: {why}"


def _side(bound: Bound) -> str:
    return f"{'at most' if bound.kind == 'max' else 'at least'} {number(bound.value)}"


def _less_wished(name: str, choice: Choice, run: Run) -> str:
    chosen = choice.chosen or name
    facts, best = run.variants[name], run.variants[chosen]
    if choice.wish == "smallest":
        return f"{chosen} is smaller: {best.artifact.zip_bytes:,} zip bytes against {facts.artifact.zip_bytes:,}"
    if choice.wish == "accuracy":
        return f"{chosen} is more accurate: drop {accuracy_text(best.drop)} against {accuracy_text(facts.drop)}"
    mode, _, threads = choice.objectives[-1].partition(" on ")
    times = [run.timing(one, mode, int(threads.split()[0])) for one in (chosen, name)]
    told = [time_text(timing.seconds) if timing else "not timed" for timing in times]
    return f"{chosen} is faster: {told[0]} against {told[1]}"


def _relaxed(choice: Choice) -> Iterator[str]:
    yield ""
    if choice.nearest is None:
        yield "no value of these bounds would let a variant in: what they ask for was not measured"
        return
    yield from _wrapped(f"nearest: {choice.nearest.variant}, with {flags(choice.nearest)}")
    for one in choice.relaxations:
        if one != choice.nearest:
            yield from _wrapped(f"or: {one.variant}, with {flags(one)}")


def flags(one: Relaxation) -> str:
    """Return the options of a relaxation."""
    return " ".join(flag(key, value) for key, value in one.bounds.items())


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, prose_width(), subsequent_indent="  ", break_on_hyphens=False)
