"""Advice agrees with the table of TensorFlow Lite's guide, and what it tells the user to run works."""

import json
from itertools import product
from pathlib import Path

import pytest

from optkit import Advice, SuiteError, advise, load_suite, read_run
from optkit.cli import main
from optkit.judge.advise import DATA, SCHEMES, TARGETS, WISHES, DataAtHand, Target, Wish, suite_with
from optkit.judge.evidence import evidence_of
from optkit.report.evidence import evidence_text
from optkit.spec.keys import canonical
from tests.conftest import SUITE, Command

# The guide's table: technique, data it needs, reduction in size, hardware. Hexagon DSP is not among our targets;
# microcontrollers are in the table of the guide's page on post-training quantization, with full integers only.
GUIDE = {
    "float16": ("none", 0.5, {"cpu", "gpu"}),
    "dynamic_range": ("none", 0.75, {"cpu", "gpu"}),
    "int8": ("unlabelled", 0.75, {"cpu", "gpu", "edge_tpu", "microcontroller"}),
    "qat": ("labelled", 0.75, {"cpu", "gpu", "edge_tpu", "microcontroller"}),
}
ALL = [pytest.param(*case, id="-".join(case)) for case in product(DATA, TARGETS, WISHES)]


def as_in_the_guide(advice: Advice) -> tuple[str, float, set[str]]:
    assert advice.scheme is not None
    return GUIDE[{"pruned_qat": "qat"}.get(advice.scheme, advice.scheme)]


def test_the_schemes_are_those_of_the_guide() -> None:
    for name, row in GUIDE.items():
        scheme = SCHEMES[name]
        assert (scheme.data, scheme.reduction, set(scheme.hardware)) == row


@pytest.mark.parametrize(("data", "target", "wish"), ALL)
def test_advice_needs_no_more_data_than_there_is_and_runs_on_the_target(
    data: DataAtHand, target: Target, wish: Wish
) -> None:
    advice = advise(data, target, wish)
    fitting = {name for name, row in GUIDE.items() if DATA.index(row[0]) <= DATA.index(data) and target in row[2]}
    assert (advice.scheme is None) == (not fitting)
    if advice.scheme is None:
        assert "unlabelled" in advice.otherwise[0]
        return
    needed, reduction, hardware = as_in_the_guide(advice)
    assert DATA.index(needed) <= DATA.index(data)
    assert target in hardware
    if wish == "smallest":
        assert reduction == max(GUIDE[name][1] for name in fitting)
    if wish == "accuracy" and data == "labelled" and target != "gpu":
        assert advice.scheme == "qat", "the guide: where accuracy falls short, quantization-aware training"


@pytest.mark.parametrize(
    ("case", "scheme"),
    [
        (("none", "cpu", "smallest"), "dynamic_range"),
        (("none", "cpu", "fastest"), "dynamic_range"),
        (("none", "cpu", "accuracy"), "float16"),
        (("none", "gpu", "fastest"), "float16"),
        (("unlabelled", "cpu", "fastest"), "int8"),
        (("unlabelled", "edge_tpu", "accuracy"), "int8"),
        (("labelled", "microcontroller", "fastest"), "qat"),
        (("labelled", "cpu", "smallest"), "pruned_qat"),
        (("none", "edge_tpu", "fastest"), None),
    ],
)
def test_corners_of_the_tree(case: tuple[DataAtHand, Target, Wish], scheme: str | None) -> None:
    assert advise(*case).scheme == scheme


@pytest.mark.parametrize(("data", "target", "wish"), ALL)
def test_the_command_builds_what_is_advised(data: DataAtHand, target: Target, wish: Wish, tmp_path: Path) -> None:
    advice = advise(data, target, wish)
    if advice.scheme is None:
        assert advice.command == advice.variant == advice.table == ""
        with pytest.raises(SuiteError, match="there is no variant to write"):
            suite_with(advice)
        return
    path = tmp_path / "advised.toml"
    if "--write advised.toml && " in advice.command:
        path.write_text(suite_with(advice))
    build = advice.command.split(" && ")[-1].split()
    assert build[:2] == ["optkit", "build"]
    variant = load_suite(str(path) if build[2] == "advised.toml" else build[2]).variant(build[-1])
    scheme = SCHEMES[advice.scheme]
    assert variant.conversion is not None
    assert variant.conversion.mode == scheme.mode
    assert [step.technique for step in variant.steps] == {
        "qat": ["quantize_aware"],
        "pruned_qat": ["prune", "quantize_aware"],
    }.get(advice.scheme, [])
    if advice.scheme == "pruned_qat":
        assert canonical(variant.steps[-1])["preserve"] == "sparsity"
    integers = target in ("edge_tpu", "microcontroller")
    assert variant.conversion.input_type == variant.conversion.output_type == ("int8" if integers else "float32")


def test_the_variant_joins_another_suite_under_its_own_baseline(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(SUITE.replace("variants.baseline", "variants.first").replace('"baseline"', '"first"').replace(
        'name = "tiny"', 'name = "tiny"\nbaseline = "first"'))  # fmt: skip
    advice = advise("none", "gpu", "fastest")
    path.write_text(suite_with(advice, str(path)))
    conversion = load_suite(str(path)).variant(advice.variant).conversion
    assert conversion
    assert conversion.mode == "float16"
    with pytest.raises(SuiteError, match="has variant 'float16_tflite' already; build it with: optkit build"):
        suite_with(advice, str(path))


def test_the_command_line(here: Command, tmp_path: Path) -> None:
    shown = here("optkit", "advise", "--data", "labelled", "--target", "cpu", "--wish", "smallest")
    assert shown.returncode == 0
    assert "optkit build mnist --variants pruned_qat_tflite" in shown.stdout
    nothing = here("optkit", "advise", "--data", "none", "--target", "edge_tpu", "--wish", "fastest", "--json")
    assert nothing.returncode == 3
    assert json.loads(nothing.stdout)["scheme"] is None
    write = ("optkit", "advise", "--data", "none", "--target", "gpu", "--wish", "fastest", "--write", "new.toml")
    assert here(*write).returncode == 0
    assert load_suite(str(tmp_path / "new.toml")).variant("float16_tflite")
    again = here(*write)
    assert (again.returncode, again.stdout) == (2, "")
    assert "new.toml cannot be written (File exists)" in again.stderr


RUN = Path(__file__).with_name("mnist_run.json")
"""A run of the suite `mnist` of 2026-11-22, condensed: a fixture, since the one in docs/ is recorded anew."""


def test_a_run_that_says_otherwise_is_told_with_its_figures(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """int8 takes 1.19 ms of a batch in that run, the float file 0.521."""
    asked = ["advise", "--data", "unlabelled", "--target", "cpu", "--wish", "fastest"]
    assert main([*asked, "--run", str(RUN)]) == 0
    shown = capsys.readouterr().out
    assert (
        "The document recommends: post-training full integer. This run (mnist, AMD EPYC, 2 cores) says otherwise"
        in (" ".join(shown.split()))
    )
    line = next(line for line in shown.splitlines() if line.startswith("- single_batch, 1 thread"))
    assert line.startswith("- single_batch, 1 thread: int8 1.19 ms (521 µs of the float file, float_tflite);")
    assert "dynamic_range 473 µs: 2.53 times faster" in " ".join(shown.split())
    assert "pruned_tflite" not in shown, "it needs labelled data"
    assert main([*asked, "--run", str(RUN), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["evidence"]
    assert (found["agrees"], found["findings"][0]["best"]) == (False, "dynamic_range")
    assert main(asked) == 0
    assert "general rule" in capsys.readouterr().out


def test_a_run_that_bears_the_rule_out_says_so() -> None:
    run = read_run(RUN)
    small = evidence_of(advise("labelled", "cpu", "smallest"), run)
    assert small.agrees
    assert "bears that out" in evidence_text("x", small)
    assert [(one.advised, one.best, one.figure) for one in small.findings] == [
        ("pruned_qat_tflite", "pruned_qat_tflite", 8528)
    ]
    drop = evidence_of(advise("labelled", "cpu", "accuracy"), run)
    assert drop.findings[0].advised == "qat_tflite"
    assert drop.agrees


@pytest.mark.parametrize(
    ("case", "why"),
    [
        (("none", "gpu", "fastest"), "no file that was made as advised"),
        (("unlabelled", "edge_tpu", "fastest"), "this processor"),
    ],
)
def test_a_run_that_cannot_tell_says_why(case: tuple[DataAtHand, Target, Wish], why: str) -> None:
    found = evidence_of(advise(*case), read_run(RUN))
    assert (found.agrees, found.findings) == (None, ())
    assert why in " ".join(evidence_text("x", found).split())
