"""What a reader of a run's figures should be told of them, one line each.

Law: a note is said only of figures of this run that show it.
"""

from __future__ import annotations

from optkit.record.chain import mode_of, model_of
from optkit.record.facts import VariantFacts
from optkit.record.run import Run
from optkit.spec.metrics import MODES

_SLOW = 2.0
"""int16x8 is called slow from this many times another file's time on."""


def int16_notes(run: Run) -> list[str]:
    """Return how much slower each int16x8 file is than the same model converted otherwise, int8 if there is one.

    The reason given is that of TensorFlow Lite's guide on post-training quantization: 16-bit activations have no
    optimized kernels, and no delegate takes them. Nothing is said of a file that is not slower.
    """
    notes = []
    for name, facts in run.variants.items():
        if mode_of(facts) == "int16x8" and (found := _slower(run, facts)):
            times, other, where = found
            notes.append(
                f"{name} takes {times:.3g} times as long as {other} ({where}): "
                "LiteRT runs 16-bit activations in reference kernels, not in optimized ones."
            )
    return notes


def _slower(run: Run, facts: VariantFacts) -> tuple[float, str, str] | None:
    """Return how many times as long as which other file, and in which mode and threads; None when not slow."""
    others = [o for o in run.variants.values() if o.kind == "tflite" and o != facts and model_of(o) == model_of(facts)]
    for other in sorted(others, key=lambda o: mode_of(o) != "int8"):
        for mode in reversed(MODES):
            for threads in sorted({timing.threads for timing in run.timings}):
                slow, fast = (run.timing(v.variant, mode, threads) for v in (facts, other))
                if slow and fast:
                    where = f"{mode}, {threads} thread{'s' if threads > 1 else ''}"
                    times = slow.seconds / fast.seconds
                    return (times, other.variant, where) if times >= _SLOW else None
    return None
