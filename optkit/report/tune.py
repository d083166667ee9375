"""Text of `optkit tune`: a line a setting, and which to use."""

from __future__ import annotations

from optkit.judge.tolerances import Tolerances
from optkit.judge.tune import Setting, Tuning
from optkit.report import terminal
from optkit.report.comparison import seen_text
from optkit.report.figures import time_text
from optkit.report.grid import Column, grid
from optkit.report.terminal import paragraph
from optkit.report.words import spoken

_SEEN = 0.001
_LEGEND = (
    "× time: time over that of the defaults. Outputs: the largest change, as a share of the outputs' range, for random "
    "samples."
)


def tuning_text(found: Tuning, tolerances: Tolerances, *, width: int | None = None) -> str:
    """Return what each setting came to, which one to use, by how much and how surely."""
    columns = width or terminal.width()
    samples = "1 sample" if found.samples == 1 else f"{found.samples} samples"
    threads = "1 thread" if found.threads == 1 else f"{found.threads} threads"
    head = f"{found.path}: {found.mode} ({samples} a call), {threads}, {found.runtime} {found.version}"
    tried = sorted(found.tried, key=lambda one: (one.ratio is None, one.ratio or 0.0))
    shown = [
        Column("× time", ["1", *(_ratio(one) for one in tried)]),
        Column("interval", ["", *(_interval(one) for one in tried)]),
        Column("outputs", ["", *(_difference(one) for one in tried)]),
        Column("verdict", [time_text(found.seconds), *(_verdict(one) for one in tried)], words=True),
    ]
    names = Column("settings", ["defaults", *(one.name for one in tried)], left=True)
    table = grid(names, shown, columns, stack=True)
    lines = [
        *(f"not run: {one.name}: {one.refusal}" for one in tried if one.refusal),
        _LEGEND,
        *_advice(found, tolerances),
    ]
    return "\n".join([*paragraph(head, columns), table.text, *(p for line in lines for p in paragraph(line, columns))])


def _ratio(one: Setting) -> str:
    return "" if one.ratio is None else f"{one.ratio:.3g}"


def _interval(one: Setting) -> str:
    found = one.judgement
    return f"{found.low:.3f}..{found.high:.3f}" if found and found.high < 1e3 else ""


def _difference(one: Setting) -> str:
    if one.difference is None:
        return ""
    return "equal" if one.difference == 0 else f"±{one.difference:.1%}" if one.difference >= _SEEN else "±<0.1%"


def _verdict(one: Setting) -> str:
    if one.refusal:
        return "not run"
    if one.judgement is None:
        return "slower (1 process)"
    if one.judgement.verdict == "inconclusive":
        return "; ".join(filter(None, ["inconclusive", one.judgement.reason]))
    return spoken("seconds", one.judgement.verdict)


def _advice(found: Tuning, tolerances: Tolerances) -> list[str]:
    chosen = found.chosen
    sure = f"false alarm at most {tolerances.family_alpha:.2%} for all settings together"
    if chosen is None or chosen.judgement is None:
        undecided = [one for one in found.tried if one.judgement and one.judgement.verdict == "inconclusive"]
        more = ""
        if undecided and undecided[0].judgement:
            more = f" Undecided: {len(undecided)}, {seen_text(undecided[0].judgement.minimum_detectable_effect)}."
        return [f"Use the defaults: nothing is surely faster by more than {tolerances.margin:.2%} ({sure}).{more}"]
    one = chosen.judgement
    lines = [
        f"Use {chosen.name}: its time is {100 * (1 - one.ratio):.1f} % below that of the defaults, and surely "
        f"{100 * (1 - one.high):.1f} % or more ({sure}).",
        f"In a suite file: settings = {{ {chosen.name} }}",
    ]
    if chosen.difference:
        lines.append("Its outputs are not the same to the bit: measure its accuracy before you ship it.")
    return lines
