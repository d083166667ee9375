"""What a reader of verdicts should know besides them: what was not judged, and whether anything held accuracy."""

from __future__ import annotations

from collections.abc import Sequence

from optkit.judge.gates import Verdict, not_held
from optkit.record.run import Run
from optkit.spec import Suite


def gate_notes(suite: Suite, run: Run, verdicts: Sequence[Verdict]) -> list[str]:
    """Return a line each, where there is something to say, on variants without a verdict and on accuracy."""
    judged = {verdict.variant for verdict in verdicts} | set(run.variants)
    left = [variant.name for variant in suite.variants if variant.name not in judged]
    known = {variant.name for variant in suite.variants}
    strange = [name for name in run.variants if name not in known]
    notes = []
    if left:
        are = "1 variant of the suite is" if len(left) == 1 else f"{len(left)} variants of the suite are"
        whose = "its" if len(left) == 1 else "their"
        notes.append(f"{are} not in this run: {whose} gates were not judged")
    if strange:
        notes.append(f"not of this suite, so not judged: {', '.join(strange)}")
    return [*notes, *_accuracy_note(run, not_held(run, verdicts))]


def _accuracy_note(run: Run, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    drops = {name: drop for name in names if (drop := run.variants[name].drop) is not None}
    quality = run.variants[names[0]].quality
    metric = quality.scores.metric if quality else "accuracy"
    form = ".4g" if quality else ".4f"
    which = f"its drop is {{:{form}}}" if len(names) == 1 else f"the largest drop among them is {{:{form}}} ({{}})"
    worst = max(drops, key=lambda name: drops[name]) if drops else ""
    about = which.format(drops[worst], worst) if drops else "it was not measured"
    of = names[0] if len(names) == 1 else f"{len(names)} variants"
    return [f"nothing held the {metric} of {of}: no gate judged it; {about}"]
