"""What a reader of a run's figures should be told of them, one line each.

Law: a note is said only of figures of this run that show it.
"""

from __future__ import annotations

from optkit.record.chain import mode_of, model_of
from optkit.record.facts import VariantFacts
from optkit.record.run import Run
from optkit.spec.metrics import MODES
from optkit.spec.running import said

_USUAL = ("litert", "tf_keras")
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


def running_notes(run: Run) -> list[str]:
    """Return what ran the files, of those that LiteRT with its defaults, or Keras, did not run; tuned ones by mode.

    Files that are run in other ways are compared as what they are: a file with its runtime.
    """
    notes: dict[str, list[str]] = {}
    for name, facts in run.variants.items():
        runtime, timings = facts.runtime, [one for one in run.benchmarks if one.variant == name]
        if runtime.settings.get("chosen"):
            for one in timings:
                where = f"{one.mode}, {one.threads} thread{'s' if one.threads > 1 else ''}"
                notes.setdefault(f"tuned for {where}: {said(one.running.settings)}", []).append(name)
        elif runtime.settings or runtime.name not in _USUAL:
            more = f" with {said(runtime.settings)}" if runtime.settings else ""
            notes.setdefault(f"run by {runtime.name} {runtime.version}{more}", []).append(name)
    return [f"{', '.join(names)}: {what}." for what, names in notes.items()]


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
