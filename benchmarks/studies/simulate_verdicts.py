"""Simulate `optkit ab` on processes of known noise, and put the table into docs/evidence/ab.md.

python -m benchmarks.studies.simulate_verdicts docs/evidence/ab.md
"""

import itertools
import math
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.studies.publish import replace_between
from optkit import Judgement, Pair, Tolerances, compare_pairs
from optkit.measure.paired import LOAD_ORDERS, LOADS, PairedTiming

PAIRS = 400
CASES = ((1.0, 0.02), (1.01, 0.02), (1.015, 0.02), (1.02, 0.02), (1.03, 0.02), (1.05, 0.02), (1.02, 0.01))


def process(number: int, effect: float, control: float) -> PairedTiming:
    """Return what the `number`th process of a pair would find, which loads in each order once."""
    order = LOAD_ORDERS[number % LOADS]
    return PairedTiming(effect=effect, control=control, load_order=order, loads=LOADS, rounds=36, calls=1, seconds=1.0)


def simulate(ratio: float, noise: float, margin: float) -> list[Judgement]:
    """Judge `PAIRS` pairs of true ratio `ratio`, each an invocation of its own."""
    rng = np.random.default_rng(0)

    def measure(_: Pair, number: int) -> PairedTiming:
        return process(number, math.log(ratio) + rng.normal(0, noise), rng.normal(0, noise))

    pair, clock = Pair("p", Path("base"), Path("head")), map(float, itertools.count()).__next__
    tolerances = Tolerances(margin=margin)
    return [compare_pairs([pair], measure, tolerances, math.inf, clock=clock)[0] for _ in range(PAIRS)]


def main() -> None:
    """Simulate all cases and write the table."""
    lines = [
        "| scatter | true ratio | margin | slower | same | inconclusive | processes |",
        "|---|---|---|---|---|---|---|",
    ]
    for noise in (0.006, 0.012, 0.02):
        for ratio, margin in CASES:
            found = simulate(ratio, noise, margin)
            words = Counter(one.verdict for one in found)
            shares = " | ".join(f"{words[word] / PAIRS:.1%}" for word in ("worse", "same", "inconclusive"))
            used = np.mean([one.processes for one in found])
            lines.append(f"| {noise:.1%} | {ratio:.3f} | {margin:.0%} | {shares} | {used:.1f} |")
    replace_between(Path(sys.argv[1]), "simulated", "\n".join(lines))


if __name__ == "__main__":
    main()
