"""`optkit tune`: find the settings with which a file is fastest, and how surely they beat the defaults."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from optkit.commands.command import Command, add_time_limit, fraction, seconds
from optkit.commands.judging import printed
from optkit.judge.tolerances import Tolerances
from optkit.judge.tune import MODES, Setting, Tuning, tune
from optkit.report.progress import shown_work
from optkit.report.tune import tuning_text
from optkit.report.words import spoken

SCHEMA = 1
"""Of what --json prints."""


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL.tflite")
    parser.add_argument("--mode", choices=MODES, default=MODES[0], help="one sample a call, or 32 (single_sample)")
    parser.add_argument("--threads", type=counts, default=(1,), metavar="1,2", help="threads; each is tuned alone (1)")
    parser.add_argument("--runtime", default="litert", metavar="NAME", help="whose settings (litert)")
    tolerances = Tolerances()
    about = f"the change of time that matters ({100 * tolerances.margin:g}%%)"
    parser.add_argument("--margin", type=fraction, default=tolerances.margin, metavar="PERCENT", help=about)
    about = f"chance that anything is called faster which is not ({100 * tolerances.family_alpha:g}%%)"
    parser.add_argument("--false-alarm", type=fraction, default=tolerances.family_alpha, metavar="PERCENT", help=about)
    about = "longest time of a setting (60)"
    parser.add_argument("--budget", type=seconds, default=60.0, metavar="SECONDS", help=about)
    add_time_limit(parser)


def counts(value: str) -> tuple[int, ...]:
    """Turn `1,2` into (1, 2)."""
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise argparse.ArgumentTypeError(f"got {value!r}; expected whole numbers from 1, with commas between them")
    return tuple(dict.fromkeys(map(int, parts)))


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    tolerances = Tolerances(margin=options.margin, family_alpha=options.false_alarm)
    found = []
    with shown_work("tuning") as told:
        for number, threads in enumerate(options.threads):

            def tell(share: float, state: str, number: int = number) -> None:
                told((number + share) / len(options.threads), state)

            ways = {"mode": options.mode, "threads": threads, "runtime": options.runtime, "seconds": options.budget}
            found.append(tune(options.model, tolerances=tolerances, limit=options.time_limit, told=tell, **ways))
    result = {"schema": SCHEMA, "design": printed(tolerances), "tunings": [_printed(one) for one in found]}
    return result, "\n\n".join(tuning_text(one, tolerances) for one in found), 0


def _printed(found: Tuning) -> dict[str, Any]:
    names = ("path", "mode", "threads", "samples", "runtime", "version", "seconds")
    own = {name: getattr(found, name) for name in names}
    return {**own, "best": dict(found.best), "tried": [_printed_setting(one) for one in found.tried]}


def _printed_setting(one: Setting) -> dict[str, Any]:
    judged = {**printed(one.judgement), "verdict": spoken("seconds", one.judgement.verdict)} if one.judgement else None
    more = {"difference": one.difference, "refusal": one.refusal}
    return {"settings": dict(one.settings), "ratio": one.ratio, "judgement": judged, **more}


TUNE = Command(
    "find the settings with which a file is fastest, and how surely they beat the defaults",
    "optkit tune model.tflite --mode single_batch",
    _options,
    _run,
)
