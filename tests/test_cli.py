"""The command as users run it: output, exit codes, one line an error and no traceback."""

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

import pytest

from optkit.cli import main
from optkit.commands import COMMANDS, load_command
from tests.builders import benchmark, facts
from tests.conftest import SUITE, Command


def test_list(command: Command, here: Command) -> None:
    assert "mnist" in command("optkit", "list").stdout
    shown = here("optkit", "list", "mnist").stdout
    assert "train mnist_conv → prune" in shown
    assert "size_ratio >= 9" in shown
    variants = json.loads(here("optkit", "list", "mnist", "--json").stdout)
    assert variants[0] | {"gates": 0} == {
        "variant": "baseline", "kind": "keras", "steps": [], "conversion": None, "gates": 0,
        "runtime": "keras", "settings": {},
    }  # fmt: skip


def test_build_prints_variant_path_sha256_and_sizes(command: Command, tiny_suite: Path, built_store: Path) -> None:
    arguments = ("build", str(tiny_suite), "--store", str(built_store), "--variants", "int8,baseline")
    began = time.perf_counter()
    done = command("optkit", *arguments, "--json")
    assert time.perf_counter() - began < 60
    built = json.loads(done.stdout)["artifacts"]
    assert [a["variant"] for a in built] == ["baseline", "int8"]
    assert Path(built[1]["path"]).stat().st_size == built[1]["file_bytes"]
    shown = command("optkit", *arguments).stdout
    assert all(text in shown for text in ("mnist (320 train, 70 test", built[0]["path"], built[1]["sha256"][:12]))


def test_a_damaged_artifact_is_rebuilt_and_said_so(
    command: Command, here: Command, tiny_suite: Path, tmp_path: Path, built_store: Path
) -> None:
    import shutil

    store = tmp_path / "copy"
    shutil.copytree(built_store, store)
    arguments = ("optkit", "build", str(tiny_suite), "--store", str(store), "--variants", "int8", "--json")
    before = json.loads(here(*arguments).stdout)["artifacts"][0]
    path = Path(before["path"])
    path.write_bytes(path.read_bytes()[:-100])
    done = command(*arguments)
    assert "is damaged" in done.stderr
    assert "set aside" in done.stderr
    assert json.loads(done.stdout)["artifacts"][0] == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("list", "mnits"), "did you mean 'mnist'"),
        (("build", "mnist", "--variants", "int9"), "did you mean 'int8'"),
        (("build", "nowhere.toml"), "cannot be read"),
        (("build", "mnist", "--data", "half"), "there is no data set 'half'"),
        (("build", "mnist", "--variants", ","), "names nothing"),
        (("gate", "nowhere.json"), "cannot be read"),
        (("bild", "mnist"), "invalid choice: 'bild'"),
        (("build", "mnist", "--store", "/proc/none"), "cannot write to the store /proc/none"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(here: Command, arguments: tuple[str, ...], message: str) -> None:
    done = here("optkit", *arguments)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_errors_are_json_when_json_is_asked_for(command: Command) -> None:
    done = command("optkit", "list", "mnits", "--json")
    assert "did you mean" in json.loads(done.stdout)["error"]
    assert done.returncode == 2


@pytest.mark.parametrize(("seconds", "drop", "code"), [(0.1, 0.0, 0), (9.0, 0.0, 1), (0.1, 0.9, 1)])
def test_gate_on_a_saved_run(here: Command, tmp_path: Path, seconds: float, drop: float, code: int) -> None:
    suite = tmp_path / "s.toml"
    head, tail = SUITE.split("[variants.pruned]")[0], SUITE[SUITE.index("[variants.int8]") :]
    suite.write_text(head + tail.split("[variants.pruned_qat]")[0] + SUITE[SUITE.index("[[gates]]") :])
    path = str(suite)
    benchmarks = [
        benchmark(facts(suite_path=path)),
        benchmark(facts("int8", suite_path=path, accuracy_drop=drop), seconds),
    ]
    (tmp_path / "run.json").write_text(json.dumps({"benchmarks": benchmarks}))
    done = here("optkit", "gate", "run.json")
    assert done.returncode == code, done.stderr
    assert ("fail: int8" in done.stdout) == (code == 1)
    assert json.loads(here("optkit", "gate", "run.json", "--json").stdout)[0]["status"] == "pass"
    benchmarks.pop()
    (tmp_path / "run.json").write_text(json.dumps({"benchmarks": benchmarks}))
    some = here("optkit", "gate", "run.json")
    assert some.returncode == 0
    assert "1 variant of the suite is not in this run: its gates were not judged" in some.stdout
    missing = here("optkit", "gate", "run.json", "--all")
    assert missing.returncode == 3
    assert "not comparable: int8" in missing.stdout


def test_a_defect_is_one_line_and_exit_code_4(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a traceback, and the exit code 1 of a gate that failed, for what is nobody's gate."""

    def run(_: object) -> NoReturn:
        raise TypeError("no\nsuch thing")

    monkeypatch.setitem(COMMANDS, "list", dataclasses.replace(load_command("list"), run=run))
    monkeypatch.delenv("OPTKIT_DEBUG", raising=False)
    assert main(["list"]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("optkit: defect: TypeError: no such thing; please report it with the command")
    assert "OPTKIT_DEBUG=1" in line
    assert main(["list", "--json"]) == 4
    out, err = capsys.readouterr()
    assert json.loads(out)["error"].startswith("defect: TypeError: no such thing")
    assert "Traceback" not in err
    monkeypatch.setenv("OPTKIT_DEBUG", "1")
    assert main(["list"]) == 4
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_a_result_that_cannot_be_json_is_a_defect_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(COMMANDS, "list", dataclasses.replace(load_command("list"), run=lambda _: (object(), "", 0)))
    assert main(["list", "--json"]) == 4
    assert "defect" in json.loads(capsys.readouterr().out)["error"]


def test_help_says_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    for code in (
        "0 good",
        "1 a gate failed",
        "2 bad usage",
        "3 inconclusive",
        "4 a defect of optkit",
        "130 interrupted",
    ):
        assert code in said


def test_help_shows_an_example_for_each_command(here: Command) -> None:
    for name in ("list", "build", "gate", "run", "advise", "ab", "compare"):
        assert f"Example: optkit {name}" in here("optkit", name, "--help").stdout


def test_ab_of_two_files(command: Command, built_store: Path, tmp_path: Path) -> None:
    from tests.builders import artifact

    base, head = artifact(built_store, "float32"), artifact(built_store, "int8")
    done = command("optkit", "ab", str(base), str(head), "--budget", "4", "--json")
    found = json.loads(done.stdout)
    (one,) = found["judgements"]
    assert done.returncode == {"slower": 1, "inconclusive": 3}.get(one["verdict"], 0)
    assert (len(one["timings"]), found["design"]["margin"]) == (one["processes"], 0.02)
    assert {"ratio", "low", "high", "control", "p_slower", "detectable"} <= set(one)
    shown = command("optkit", "ab", str(base), str(head), "--budget", "0.1", "--margin", "50%")
    assert shown.returncode == 3  # one process is never enough
    assert "inconclusive (no change could have been shown); 1 processes are too few" in " ".join(shown.stdout.split())
    assert "slower: by more than 50.00%" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.tflite", "none.tflite"), "is not a file"),
        (("none.json", "none.json"), "cannot be read"),
        (("a.tflite", "b.tflite", "--margin", "x"), "expected a percentage or a fraction"),
        (("a.tflite", "b.tflite", "--margin", "200%"), "expected a fraction above 0"),
        (("a.tflite", "b.tflite", "--budget", "0"), "expected seconds, more than 0"),
        (("a.tflite", "b.tflite", "--threads", "0"), "expected a whole number of 1 or more"),
    ],
)
def test_bad_input_of_ab(here: Command, arguments: tuple[str, ...], message: str) -> None:
    done = here("optkit", "ab", *arguments)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert done.stdout == ""


def test_ab_fails_for_what_has_no_partner_unless_allowed(command: Command, built_store: Path, tmp_path: Path) -> None:
    from tests.builders import artifact, saved_build

    model = artifact(built_store, "int8")
    saved_build(tmp_path / "base.json", {"a": model, "gone": model})
    saved_build(tmp_path / "head.json", {"a": model})
    arguments = ("optkit", "ab", "base.json", "head.json", "--budget", "0.1")
    done = command(*arguments)
    assert done.returncode == 1
    assert "missing: gone is in the base only (fails; allow it with --allow)" in done.stdout
    assert command(*arguments, "--allow", "gone").returncode == 3


def test_ab_leaves_out_a_file_that_did_not_change_when_asked_to(
    command: Command, built_store: Path, tmp_path: Path
) -> None:
    """Catches minutes of timing in a pull request that touches no model."""
    from tests.builders import artifact, saved_build

    model = artifact(built_store, "int8")
    saved_build(tmp_path / "base.json", {"a": model})
    saved_build(tmp_path / "head.json", {"a": model})
    done = command("optkit", "ab", "base.json", "head.json", "--changed", "--summary", "s.md")
    assert done.returncode == 0, done.stderr
    assert "the same file on both sides, not timed: a" in done.stdout
    assert "| `a` | – | – | ✅ the same file, not timed |" in (tmp_path / "s.md").read_text()


def test_the_help_of_a_command_stands_in_two_places_alike() -> None:
    for name, line in COMMANDS.items():
        assert load_command(name).about == line.about


def test_help_loads_no_command() -> None:
    code = "import sys; from optkit.cli import parser_for; parser_for(['--help']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "optkit.commands.bench" not in done.stdout
    assert "'numpy'" not in done.stdout
