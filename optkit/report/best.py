"""Which file of a run is the smallest, the fastest and the most accurate, among those that pass their gates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from optkit.judge.gates import Verdict
from optkit.record.facts import VariantFacts
from optkit.record.run import Run
from optkit.record.timing import Timing
from optkit.report.figures import accuracy_text, metric_form, threads_text, time_text, times_text
from optkit.report.terminal import paragraph
from optkit.spec.metrics import MODES

_HOW = {"single_sample": "a sample", "single_batch": "a batch", "full_set": "the whole test set"}
_WORST_FIRST = ("fail", "not comparable", "inconclusive")


def gate_word(verdicts: Iterable[Verdict], name: str) -> str:
    """Return the worst status of the gates of a variant; empty when none judged it.

    What is inconclusive and good enough for the suite has passed.
    """
    found = {"pass" if one.tolerated else one.status for one in verdicts if one.variant == name}
    return next((word for word in _WORST_FIRST if word in found), "pass" if found else "")


def candidates(run: Run, verdicts: Sequence[Verdict]) -> list[VariantFacts]:
    """Return the files to choose from: the `.tflite` files, or all where there is none; of these, what passes."""
    files = [facts for facts in run.variants.values() if facts.kind == "tflite"] or list(run.variants.values())
    return [facts for facts in files if gate_word(verdicts, facts.variant) in ("", "pass")]


def best_lines(run: Run, verdicts: Sequence[Verdict], width: int) -> list[str]:
    """Return the lines that name the best files, and what they were chosen from."""
    chosen = candidates(run, verdicts)
    files = ".tflite files" if any(facts.kind == "tflite" for facts in run.variants.values()) else "files"
    if not chosen:
        return paragraph(f"None of the {files} passes all its gates: there is none to ship yet.", width)
    among = f"the {files} that pass their gates" if verdicts else f"the {files}; no gate was judged here"
    told = [*_smallest(run, chosen), *_fastest(run, chosen), *_most_accurate(run, chosen)]
    lines = paragraph(f"Best of {among}:", width)
    for what, name, why in told:
        lines += paragraph(f"  {what + ':':<14} {name} ({why})", width, indent=" " * 4)
    return lines


def _smallest(run: Run, chosen: Sequence[VariantFacts]) -> Iterator[tuple[str, str, str]]:
    one = min(chosen, key=lambda facts: (facts.artifact.zip_bytes, facts.artifact.file_bytes))
    size = f"{one.artifact.zip_bytes:,} bytes zipped, ratio {one.artifact.size_ratio:.2f}"
    yield "smallest", one.variant, size + _lost(run, one)


def _lost(run: Run, one: VariantFacts) -> str:
    """Return what a file pays for being small or fast: its drop. A gate may be loose."""
    if one.drop is None or one.variant == run.baseline:
        return ""
    if one.quality is None:
        return f", drop {accuracy_text(one.drop, '+.4f')}"
    form = metric_form(score for facts in run.variants.values() if (score := facts.score) is not None)
    return f", drop {one.drop + 0.0:+{form}}"


def _fastest(run: Run, chosen: Sequence[VariantFacts]) -> Iterator[tuple[str, str, str]]:
    names = {facts.variant: facts for facts in chosen}
    for mode in MODES:
        for threads in sorted({timing.threads for timing in run.timings}):
            found = [t for t in run.benchmarks if t.variant in names and (t.mode, t.threads) == (mode, threads)]
            if found:
                one = min(found, key=lambda timing: timing.seconds)
                yield "fastest", one.variant, _time(run, one) + _lost(run, names[one.variant])
                return


def _time(run: Run, timing: Timing) -> str:
    over = run.float_file
    times = run.speedup(timing, over) if over and over != timing.variant else None
    faster = f", {times_text(times)} times as fast as {over}" if times is not None else ""
    return f"{time_text(timing.seconds)} {_HOW[timing.mode]} on {threads_text(timing.threads)}{faster}"


def _most_accurate(run: Run, chosen: Sequence[VariantFacts]) -> Iterator[tuple[str, str, str]]:
    scored = [(facts.drop, facts.artifact.zip_bytes, facts) for facts in chosen if facts.drop is not None]
    if not scored:
        return
    _, _, one = min(scored, key=lambda found: found[:2])  # of equal ones the smallest
    quality = one.quality
    if quality is None:
        yield "most accurate", one.variant, f"{accuracy_text(one.accuracy)}{_lost(run, one)}"
        return
    form = metric_form(score for facts in run.variants.values() if (score := facts.score) is not None)
    yield f"best {quality.scores.metric}", one.variant, f"{quality.scores.value:{form}}{_lost(run, one)}"
