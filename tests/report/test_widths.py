"""No line that a command prints is wider than the terminal, and no cell of a table is broken."""

import dataclasses
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from optkit import Artifact, Tolerances, read_run
from optkit.judge.ab import Judgement
from optkit.judge.advise import DATA, TARGETS, WISHES, advise
from optkit.judge.compare import compare_runs
from optkit.judge.evidence import evidence_of
from optkit.judge.history import make_history
from optkit.judge.pairs import Pairing
from optkit.judge.past import past_of
from optkit.judge.saved_runs import SavedRun, Unread
from optkit.report.comparison import comparison_text, judgements_text
from optkit.report.evidence import evidence_text
from optkit.report.history import history_text
from optkit.report.summary import summary
from optkit.report.text import (
    advice_text,
    artifacts_table,
    predictions_text,
    suites_table,
    variants_table,
    verdicts_text,
)
from optkit.runtime.predict import Guess, Prediction
from optkit.suites import built_in, load_suite, tomllib
from tests.builders import run as compared_run
from tests.builders import variant
from tests.isolation import ROOT
from tests.report.many import LONG, LONGEST, WIDTHS, judged, many, named, too_wide, with_chain

MNIST = ROOT / "tests" / "judge" / "mnist_run.json"
SESSIONS = (1.0, 1.02, 0.99)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("names", ["short", "long", "longest"])
@pytest.mark.parametrize("metric", ["accuracy", "mse", "auc"])
def test_the_summary(width: int, names: str, metric: str) -> None:
    run = with_chain(many(names=names, metric=metric))
    for verdicts in ([], judged(run, fails=(named(40, names)[3],))):
        shown = summary(run, verdicts, width=width)
        assert too_wide(shown, width) == []
        for name in run.variants:
            assert name[:36] in shown, "a name is never shortened"


@pytest.mark.parametrize("width", WIDTHS)
def test_the_summary_of_a_recorded_run(width: int) -> None:
    run = read_run(MNIST)
    shown = summary(run, width=width)
    assert too_wide(shown, width) == []
    times = [one for one in run.benchmarks if one.threads == 1 and one.variant == "int8"]
    rows = [line for line in shown.splitlines() if line.startswith("int8 ")]
    assert len(times) == 2
    assert any("1.19 ms" in row for row in rows)
    assert any("381 ms" in row for row in rows)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1.0, 1e6, 1e12])
def test_a_metric_of_any_size(width: int, scale: float) -> None:
    assert too_wide(summary(many(metric="mse", scale=scale), width=width), width) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_lists(width: int) -> None:
    for suite in map(load_suite, built_in()):
        shown = variants_table(suite, width=width)
        assert too_wide(shown, width) == []
        for one in suite.variants:
            assert one.name in shown
            for gate in suite.gates_of(one):
                assert f"{gate.metric} {gate.bound_text}{gate.condition}" in shown, "a gate stays in one line"
    assert too_wide(suites_table(map(load_suite, built_in()), width=width), width) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_what_was_built(width: int) -> None:
    def built(name: str) -> Artifact:
        sizes: dict[str, Any] = {"file_bytes": 12_345_678, "zip_bytes": 9_876_543, "source": None, "spec": {}}
        path = Path("/home/someone/.cache/optkit/store/entries/ab") / ("c" * 64) / "model.tflite"
        notes = (f"prune: layer {name} kept 0.2 of its weights, which is what was asked for and no more",)
        return Artifact(variant=name, kind="tflite", path=path, key="k", sha256="a" * 64, **sizes, notes=notes)

    shown = artifacts_table([built(name) for name in ("int8", LONG, LONGEST)], width=width)
    wide = too_wide(shown, width)
    assert all(line.endswith("model.tflite") for line in wide), "only a path may be: broken, it would be none"
    assert shown.count("/home/someone/.cache/optkit/store/entries/ab/") == 3


@pytest.mark.parametrize("width", WIDTHS)
def test_verdicts_and_notes(width: int) -> None:
    run = many(names="long")
    verdicts = judged(run, fails=tuple(run.variants))
    verdicts = [dataclasses.replace(one, changed=("last passed", f"spec.steps[0].{LONG}: 1 -> 2")) for one in verdicts]
    shown = verdicts_text(verdicts, notes=[f"not of this suite, so not judged: {', '.join(run.variants)}"], width=width)
    assert too_wide(shown, width) == []
    assert sum(line.startswith("fail:") for line in shown.splitlines()) == len(verdicts)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_comparison(width: int) -> None:
    base, head = (
        compared_run(*(variant(name, size=size) for name in ("int8", LONG, LONGEST)), seconds=times)
        for size, times in ((1000, SESSIONS), (1400, (8.6e-6, 1.0, 30.0)))
    )
    found = compare_runs(base, head, Tolerances())
    shown = comparison_text(found, Tolerances(), width=width)
    assert too_wide(shown, width) == []
    for word in ("FAIL: larger", "inconclusive", "base", "head", "change", "verdict"):
        assert word in shown
    mnist = read_run(MNIST)
    assert too_wide(comparison_text(compare_runs(mnist, mnist, Tolerances()), Tolerances(), width=width), width) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_pairs(width: int) -> None:
    words: tuple[Any, ...] = ("worse", "better", "same", "inconclusive")
    judgements = [
        Judgement(
            name=f"{name}_{i}"[-100:],
            verdict=word,
            ratio=1.0 + i,
            low=0.9,
            high=1.1,
            confidence=0.998,
            control=1.001,
            control_low=0.99,
            control_high=1.01,
            p_slower=0.1,
            p_faster=0.2,
            processes=48,
            minimum_detectable_effect=1.2,
            seconds=59.9,
            reason="the control moved: the base against its own copy differs by +3.00 %" if word == words[3] else "",
        )
        for name in ("int8", LONG, LONGEST)
        for i, word in enumerate(words)
    ]
    pairing = Pairing((), missing=(LONG,), new=(LONGEST,))
    shown = judgements_text(judgements, pairing, Tolerances(), [LONG], width=width)
    assert too_wide(shown, width) == []
    assert "a change of +20.0 % could have been shown" in " ".join(shown.split())


@pytest.mark.parametrize("width", WIDTHS)
def test_a_history(width: int) -> None:
    began = datetime(2026, 1, 1, tzinfo=timezone.utc)

    def saved(i: int) -> SavedRun:
        slow = 1.5 if i >= 15 else 1.0
        sides = [variant(name, size=1000 + 100 * (i >= 10)) for name in ("int8", LONG, LONGEST)]
        one = compared_run(*sides, seconds=(slow * (1 + 0.01 * (i % 3)),))
        made = began + timedelta(days=i)
        dated = dataclasses.replace(one, made=made.isoformat())
        return SavedRun(path=f"{LONG}/{i:04}.json", made=made, run=past_of(dated))

    runs = [saved(i) for i in range(30)]
    unread = [Unread(path=f"{LONG}/notes.json", reason="is not a pytest-benchmark file: it is not JSON")]
    shown = history_text(make_history(runs, Tolerances(), unread=unread), Tolerances(), width=width)
    assert too_wide(shown, width) == []
    assert "slower" in shown
    assert "larger" in shown


@pytest.mark.parametrize("width", WIDTHS)
def test_predictions(width: int) -> None:
    guesses = tuple(
        Guess(index=i, label=f"a label of many words, number {i}", score=0.5, probability=0.25) for i in range(5)
    )
    images = [Prediction(image=Path(f"/home/someone/pictures/of/{LONG}/{i}.png"), top=guesses) for i in range(3)]
    shown = predictions_text(images, width=width)
    assert [line for line in too_wide(shown, width) if not line.startswith("/")] == []
    assert "/home/someone/pictures/of/" in shown


@pytest.mark.parametrize("width", WIDTHS)
def test_advice_is_the_same_recipe_at_every_width(width: int) -> None:
    run = read_run(MNIST)
    for data in DATA:
        for target in TARGETS:
            for wish in WISHES:
                advice = advise(data, target, wish)
                shown = advice_text(advice, width=width)
                assert too_wide(shown, width) == []
                if not advice.scheme:
                    continue
                table = shown.split("own suite:\n\n")[1]
                assert tomllib.loads(table) == tomllib.loads(advice.table)
                command = "".join(line.removesuffix("\\") for line in shown.splitlines() if _is_command(line))
                assert command.split() == advice.command.split()
                assert too_wide(evidence_text(advice.title, evidence_of(advice, run), width=width), width) == []


def _is_command(line: str) -> bool:
    return line.startswith(("  optkit ", "      "))
