"""Whole pytest sessions over the tiny suite, as users run them: what is printed, saved, and with which exit code."""

import json
import statistics
import subprocess
from pathlib import Path

import pytest

from optkit import read_run
from optkit.measure.clocks import cpu_clock
from optkit.measure.reference import REFERENCE_SHA256
from tests.benchmarks.conftest import BASE, QUICK
from tests.conftest import Command, command_in


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, tiny_data: Path, tiny_suite: Path, built_store: Path
) -> tuple["subprocess.CompletedProcess[str]", Path]:
    """One session over the whole suite: what it printed, and the run it saved. The store then has all accuracies."""
    folder = tmp_path_factory.mktemp("whole")
    options = ("--benchmark-json", str(folder / "run.json"), "--threads", "1,2", "-v", "--benchmark-verbose")
    run = command_in(folder, tiny_data)
    done = run(*BASE, *QUICK, "--suite", str(tiny_suite), "--store", str(built_store), *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done, folder / "run.json"


def test_a_whole_run_times_gates_sums_up_and_saves(whole, built_store: Path, here: Command) -> None:
    done, path = whole
    assert "data mnist (320 train, 70 test, sha256" in done.stdout.split("collected")[0]
    assert "tiny on mnist (320 train, 70 test" in done.stdout
    saved = json.loads(path.read_text())["benchmarks"]
    infos = [b["extra_info"]["optkit"] for b in saved]
    cases = {(i["variant"], i["mode"], i["threads"]) for i in infos}
    variants = ("baseline", "pruned", "float_tflite", "int8", "pruned_qat")
    modes = ("single_sample", "single_batch", "full_set")
    assert cases == {(v, m, t) for v in variants for m in modes for t in (1, 2)}
    zips = {i["variant"]: i["artifact"]["zip_bytes"] for i in infos}
    for info in infos:
        assert info["artifact"]["size_ratio"] == zips["baseline"] / zips[info["variant"]]
    accuracies = {i["variant"]: i["accuracy"] for i in infos}
    assert all(abs(accuracies["baseline"] - i["accuracy"] - i["accuracy_drop"]) < 1e-12 for i in infos)
    full = next(i for i in infos if i["mode"] == "full_set" and i["variant"] == "int8")
    assert (full["samples"], full["strategy"] in full["trial"], "loop of 32" in full["trial"]) == (70, True, True)
    (note,) = (built_store / "notes").glob("*.json")
    passed = json.loads(note.read_text()).values()
    assert all(record["made"] and record["machine"]["node"] for record in passed), "a later failure says when and where"
    gate = here("optkit", "gate", str(path))
    assert gate.returncode == 0, gate.stdout + gate.stderr


def test_a_failing_gate_fails_the_session(whole, session, tiny_suite: Path, tmp_path: Path) -> None:
    strict = tmp_path / "strict.toml"
    strict.write_text(tiny_suite.read_text() + '\n[[gates]]\nmetric = "size_ratio"\nvariants = ["int8"]\nmin = 1000\n')
    done = session("--threads", "1", "--benchmark-skip", suite=strict)
    assert done.returncode == 1
    assert "fail: int8: size_ratio is" in done.stdout
    assert "must be >= 1000" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_warm_run_of_tflite_variants_never_imports_tensorflow(
    whole, session, lean_suite: Path, tmp_path: Path
) -> None:
    (tmp_path / "probe.py").write_text(
        "import sys\n"
        "def pytest_sessionfinish():\n"
        "    print('LOADED', [m for m in ('tensorflow', 'tf_keras') if m in sys.modules])\n"
        "import subprocess\n"
        "class Refused(subprocess.Popen):\n"
        "    def __init__(self, command, *a, **k):\n"
        "        assert 'keras_worker' not in str(command), 'a worker with TensorFlow was started'\n"
        "        super().__init__(command, *a, **k)\n"
        "subprocess.Popen = Refused\n"
    )
    choice = ("--variants", "float_tflite,int8", "--threads", "1", "-p", "probe", "-s")
    done = session("--benchmark-only", *choice, suite=lean_suite)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "LOADED []" in done.stdout
    assert "6 passed" in done.stdout


PAIRED = """
[[gates]]
metric = "speedup"
variants = ["int8"]
relative_to = "float_tflite"
modes = ["single_sample"]
threads = [1]
min = 0.001
at = "95%"

[[gates]]
metric = "speedup"
variants = ["int8"]
relative_to = "float_tflite"
modes = ["single_sample"]
threads = [1]
min = 1000
at = "95%"

[[gates]]
metric = "accuracy"
variants = ["int8"]
min = 0.001
max = 0.999
at = "95%"
inconclusive = "pass"
"""


def test_gates_with_confidence_are_judged_in_the_session_and_from_its_file_alike(
    session, lean_suite: Path, tmp_path: Path, here: Command
) -> None:
    suite = tmp_path / "paired.toml"
    suite.write_text(lean_suite.read_text() + PAIRED)
    choice = ("--variants", "float_tflite,int8", "--threads", "1", "-k", "single_sample or gate")
    done = session(*choice, "--benchmark-json", str(tmp_path / "run.json"), suite=suite)
    assert done.returncode == 1
    failures = [line for line in done.stdout.splitlines() if line.startswith("fail: ")]
    assert len(failures) == 1, done.stdout
    assert "must be >= 1000 ratio at 95% against float_tflite" in failures[0]
    infos = [b["extra_info"]["optkit"] for b in json.loads((tmp_path / "run.json").read_text())["benchmarks"]]
    timed = {info["variant"]: {name: len(found) for name, found in info["paired"].items()} for info in infos}
    assert timed == {"float_tflite": {}, "int8": {"float_tflite": 2}}, "two gates share the processes of one pair"
    shown = here("optkit", "gate", str(tmp_path / "run.json"), "--passed").stdout
    judged = shown.replace("\n    ", " ").splitlines()  # a verdict that is wider than a pipe goes on in the next line
    assert failures[0] in judged
    assert any(
        line.startswith("pass: int8") and ">= 0.001 ratio at 95% against float_tflite" in line for line in judged
    )
    disabled = session(*choice, "--benchmark-disable", "-rs", suite=suite)
    assert disabled.returncode == 0, disabled.stdout
    [skipped] = [line for line in disabled.stdout.splitlines() if "int8 was not timed in this session" in line]
    assert skipped.startswith("SKIPPED [3]"), "two gates with confidence, and the suite's own speed-up"


def test_one_selection_has_one_verdict(
    session, command: Command, here: Command, lean_suite: Path, built_store: Path, tmp_path: Path
) -> None:
    """What is chosen is judged, with the baseline and what gates need; the rest is counted, and decides nothing.

    The suite has no gate on accuracy: all three say so.
    """
    suite = tmp_path / "tiny.toml"
    text = lean_suite.read_text().replace('metric = "accuracy_drop"\nmax = 0.5', 'metric = "size_ratio"\nmin = 0.01')
    suite.write_text(text.replace("above = 1.0", 'relative_to = "pruned_qat"\nabove = 0.0'))
    saved = tmp_path / "run.json"
    done = session("--variants", "int8", "--threads", "1", "--benchmark-json", str(saved), "-rs", suite=suite)
    more = "--pytest=--benchmark-max-time=0.02 --benchmark-min-rounds=2"
    choice = ("--variants", "int8", "--threads", "1", "--store", str(built_store), more)
    benched = command("optkit", "bench", str(suite), *choice, "-o", str(tmp_path / "bench.json"))
    gated = here("optkit", "gate", str(saved), "--suite", str(suite))
    assert [one.returncode for one in (done, benched, gated)] == [0, 0, 0], done.stdout + benched.stderr + gated.stdout
    assert " skipped" not in done.stdout
    variants = [set(read_run(path).variants) for path in (saved, tmp_path / "bench.json")]
    assert variants == [{"float_tflite", "int8", "pruned_qat"}] * 2
    for one in (done, benched, gated):
        assert "2 variants of the suite are not in this run: their gates were not judged" in " ".join(
            one.stdout.split()
        )
        assert "nothing held the accuracy of 2 variants: no gate judged it; the largest drop among them is" in " ".join(
            one.stdout.split()
        )
    counts = [[line for line in one.stdout.splitlines() if line.startswith("gates: ")] for one in (benched, gated)]
    assert counts[0] == counts[1] != []
    all_of_it = here("optkit", "gate", str(saved), "--suite", str(suite), "--all")
    assert all_of_it.returncode == 3
    assert "not comparable: pruned: size_ratio is no value" in all_of_it.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--variants", "int9"), "did you mean 'int8'"),
        (("--suite", "mnits"), "did you mean 'mnist'"),
        (("--threads", "0"), "expected whole numbers from 1"),
        (("--threads", "two"), "expected whole numbers from 1"),
        (("--data", "embeded"), "did you mean 'embedded'"),
    ],
)
def test_bad_options_end_the_session_with_code_2(session, arguments: tuple[str, ...], message: str) -> None:
    done = session(*arguments)
    assert done.returncode == 2
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_every_round_is_saved_with_the_reference_beside_it_and_full_sets_are_like_the_run_given(
    whole, session, lean_suite: Path, tmp_path: Path
) -> None:
    saved = json.loads(whole[1].read_text())
    for one in saved["benchmarks"]:
        info = one["extra_info"]["optkit"]
        assert info["reference"] == REFERENCE_SHA256
        assert len(info["reference_rounds"]) == one["stats"]["rounds"] == len(one["stats"]["data"]) >= 2
        assert info["reference_seconds"] == statistics.median(info["reference_rounds"]) > 0
        cpu = info["kind"] == "tflite" and info["threads"] == 1 and cpu_clock() is not None
        beside = (info["cpu_rounds"], info["reference_cpu_rounds"])
        assert [len(found) for found in beside] == [one["stats"]["rounds"] * cpu] * 2
        if cpu:  # what pytest-benchmark does around the call is in it, what another process does is not
            assert 0 < min(info["cpu_rounds"]) < 1.5 * max(one["stats"]["data"])
    quick = next(b for b in saved["benchmarks"] if "int8-single_sample" in b["name"])
    assert quick["stats"]["iterations"] > 1, "a round is no shorter than --benchmark-min-time"
    for one in saved["benchmarks"]:
        if one["extra_info"]["optkit"]["mode"] == "full_set":
            one["extra_info"]["optkit"]["strategy"] = "loop of 32"
    (tmp_path / "like.json").write_text(json.dumps(saved))
    # --benchmark-autosave keeps raw rounds, too; warm-up rounds have blocks, but are not in the record
    storage = (f"--benchmark-storage={tmp_path / 'storage'}", "--benchmark-autosave", "--benchmark-warmup=on")
    options = ("--benchmark-only", "--variants", "int8", "--threads", "1", "--like", str(tmp_path / "like.json"))
    again = session(*options, *storage, suite=lean_suite)
    assert again.returncode == 0, again.stdout
    (kept,) = (tmp_path / "storage").rglob("*.json")
    for timing in read_run(kept).timings:
        assert len(timing.rounds) == len(timing.reference_rounds) > 0
        if (timing.variant, timing.mode) == ("int8", "full_set"):
            assert (timing.strategy, timing.trial) == ("loop of 32", {})


def test_bench_merges_fresh_processes_and_a_failing_gate_fails_it(
    command: Command, lean_suite: Path, built_store: Path, tmp_path: Path
) -> None:
    strict = tmp_path / "strict.toml"
    suite = lean_suite.read_text().split("[[gates]]")[0]
    strict.write_text(suite + '[[gates]]\nmetric = "size_ratio"\nvariants = ["int8"]\nmin = 1000\n')
    options = ("--variants", "float_tflite,int8", "--threads", "1", "--store", str(built_store), "--sessions", "2")
    quick = "--pytest=--benchmark-max-time=0.02 --benchmark-min-rounds=2"
    done = command("optkit", "bench", "strict.toml", *options, quick, "-o", "run.json", "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert [v["status"] for v in found["verdicts"] if v["gate"]["metric"] == "size_ratio"] == ["fail"]
    assert all(len(one["by_session"]) == 2 and one["normalized"] > 0 for one in found["benchmarks"])
    run = read_run(tmp_path / "run.json")
    assert (run.sessions, len(run.timings), len(run.benchmarks)) == (2, 12, 6)
    full = [t for t in run.timings if t.benchmark == ("int8", "full_set", 1)]
    assert len({t.strategy for t in full}) == 1
    assert [bool(t.trial) for t in full] == [True, False], "the first session's trial decides for all"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lean.toml", "run.json", "strict.toml"]
    shown = command("pytest_benchmark", "compare", str(tmp_path / "run.json"), "--columns=median")
    assert (shown.returncode, shown.stdout.count("int8-full_set-1]")) == (0, 2), shown.stdout + shown.stderr
