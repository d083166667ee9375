"""The action, and the workflow that others call, run in a repository that has nothing of optkit but the wheel."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ci.steps import ACTION, Job, read
from tests.ci.test_changes import commit, git
from tests.isolation import GUARD, ROOT
from tests.wheels import libraries_without_optkit, prepare_environment

EXAMPLE = ROOT / "docs" / "examples" / "gated_pull_request"
WORKFLOW = ROOT / ".github" / "workflows" / "gate.yml"
QUICK = "--benchmark-max-time=0.02 --benchmark-min-rounds=2"

Change = Callable[[str], Job]


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The runner's temporary folder, and the environment of a machine with a Python, and no registry to ask.

    pip is among the linked libraries, so that `-m venv` needs not unpack it.
    """
    folder = tmp_path_factory.mktemp("runner")
    prepare_environment(folder / "temp" / "optkit", libraries_without_optkit(folder / "libraries"))
    (folder / "bin").mkdir()
    quick = '[ "$2" = venv ] && set -- -m venv --without-pip "$3"'
    (folder / "bin" / "python").write_text(f'#!/bin/sh\n{quick}\nexec "{sys.executable}" "$@"\n')
    (folder / "bin" / "python").chmod(0o755)
    return folder / "temp", {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "PIP_NO_INDEX": "1", "PYTHONPATH": str(GUARD)}


@pytest.fixture(scope="module")
def main(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as a repository with one commit."""
    folder = tmp_path_factory.mktemp("gated") / "main"
    shutil.copytree(EXAMPLE, folder)
    (folder / ".gitignore").write_text(".optkit*\n")
    git(folder, "init")
    commit(folder)
    return folder


@pytest.fixture(scope="module")
def changed(main: Path, runner: tuple[Path, dict[str, str]], wheel: Path) -> Change:
    """Run the example's own workflow on a pull request that replaces the model, once for each new model.

    The second finds the runner as the first left it: installed. Files are timed in pairs for the better model alone.
    """
    temp, env = runner
    jobs: dict[str, Job] = {}
    (main.parent / "store").mkdir()

    def run(model: str) -> Job:
        if model not in jobs:
            folder = main.parent / model
            git(main, "clone", str(main), str(folder))
            shutil.copy(folder / f"{model}.tflite", folder / "motion.tflite")
            commit(folder)
            (folder / ".optkit-store").symlink_to(main.parent / "store")
            call = read(folder / ".github" / "workflows" / "models.yml")["jobs"]["gate"]
            assert re.fullmatch(r"OWNER/optkit/\.github/workflows/gate\.yml@VERSION", call["uses"])
            inputs = {
                name: str(one.get("default", ""))
                for name, one in read(WORKFLOW)["on"]["workflow_call"]["inputs"].items()
            }
            inputs |= call["with"] | {"optkit": str(wheel), "pytest": QUICK, "budget": "1"}
            inputs |= {"times": "no"} if model == "retrained_badly" else {}
            installed = frozenset({"install"} if jobs else ())
            job = Job(folder, env, inputs, temp=temp, done=installed)
            jobs[model] = job.run(read(WORKFLOW)["jobs"]["gate"]["steps"])
        return jobs[model]

    return run


def outcomes(job: Job) -> dict[str, str]:
    names = ("base", "measure-base", "measure", "gate", "compare", "ab", "report")
    return {name: job.steps[f"gate/{name}"]["outcome"] for name in names}


def test_a_worse_model_is_red_and_the_table_says_why(changed: Change) -> None:
    """Catches an action that works in one repository only, a worse model that passes, and a table that hides it."""
    job = changed("retrained_badly")
    found = outcomes(job)
    assert {name for name, outcome in found.items() if outcome == "failure"} == {"gate", "compare"}, job.log
    assert found["ab"] == "skipped", "it was not asked for"
    assert job.failed
    assert job.steps["gate"]["outputs"] == {"verdict": "fail", "exit-code": "1"}
    gates, comparison = job.summary.split("### ❌ `optkit compare`: fail")
    assert "### ❌ `optkit gate`: fail" in gates
    (row,) = [line for line in gates.splitlines() if line.startswith("| `int8` |")]
    assert "❌ fail: `file_bytes is 8176, must be <= 7500`" in row
    assert "❌ fail: `accuracy is 0.97" in row
    (row,) = [line for line in comparison.split("###")[0].splitlines() if line.startswith("| `float32` |")]
    assert "❌ worse: accuracy, file bytes, zip bytes" in row
    assert "::error title=optkit gate,file=model.toml::fail: int8: file_bytes is 8176" in job.log
    assert "::error title=optkit compare::float32: file_bytes " in job.log


@pytest.mark.slow
def test_a_better_model_is_green(changed: Change) -> None:
    """Catches a good change that is refused, and a table that is there only for failures."""
    job = changed("retrained_well")
    assert outcomes(job) == dict.fromkeys(outcomes(job), "success"), job.log
    assert not job.failed
    assert job.steps["gate"]["outputs"]["exit-code"] in ("0", "3"), "a second is too short to tell times apart"
    for command in ("gate", "compare"):
        assert f"### ✅ `optkit {command}`: pass" in job.summary
    assert "❌" not in job.summary
    assert "### optkit: motion" in job.summary
    assert job.summary.count("\nquadrantChart\n") == 1
    folder = job.workspace / ".optkit" / "report"
    assert {path.name for path in folder.iterdir()} == {"report.html", "report.md", "front.svg"}
    assert "::error" not in job.log
    (row,) = [line for line in job.summary.splitlines() if line.startswith("| `int8` |") and "passed" in line]
    assert row.endswith("| ✅ 5 passed |")


def test_it_is_the_wheel_that_runs(changed: Change, runner: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    """Catches a scratch repository that finds optkit in this one."""
    changed("retrained_well")
    python = runner[0] / "optkit" / "bin" / "python"
    code = "import optkit; print(optkit.__file__)"
    done = subprocess.run([python, "-c", code], cwd=tmp_path, env=runner[1], capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).is_relative_to(runner[0] / "optkit")


def test_both_sides_have_a_key_of_their_own(changed: Change) -> None:
    """Catches a cache that is found again after the model has changed, and then never saved."""
    keys = {
        job.steps[f"gate/{name}"]["outputs"]["key"]
        for job in (changed("retrained_well"), changed("retrained_badly"))
        for name in ("key", "key-base")
    }
    assert len(keys) == 3
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in keys)


@pytest.mark.parametrize(
    ("event", "compare", "runs"),
    [("pull_request", "auto", True), ("push", "auto", False), ("push", "yes", True), ("pull_request", "no", False)],
)
def test_the_base_is_measured_when_it_is_asked_for(event: str, compare: str, runs: bool, tmp_path: Path) -> None:
    (base,) = [step for step in read(ACTION)["runs"]["steps"] if step.get("id") == "base"]
    assert Job(tmp_path, {}, {"compare": compare}, event=event).due(base["if"]) is runs


def script(name: str, folder: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run a script of the action in `folder`, as a step does."""
    outputs = {"GITHUB_OUTPUT": str(folder / "outputs"), "GITHUB_STEP_SUMMARY": str(folder / "summary")}
    command = ["bash", str(ACTION.parent / name)]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), **outputs, **env}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)


def test_a_base_without_the_suite_is_told_and_fails_nothing(main: Path, tmp_path: Path) -> None:
    """Catches a first pull request that can never pass, and a comparison that is left out in silence."""
    folder = tmp_path / "new"
    git(tmp_path, "clone", str(main), str(folder))
    (folder / "other.toml").write_text("")
    (folder / "data").mkdir()
    (folder / "data" / "x.npz").write_text("fetched by an earlier step")
    done = script("base.sh", folder, BASE="HEAD", SUITE="other.toml", SHARED="data\nmotion.npz\n", OUT=".optkit")
    assert done.returncode == 0, done.stderr
    assert (folder / "outputs").read_text() == "found=false\n"
    assert "::warning title=optkit::the base has no such suite file" in done.stdout
    assert "Not compared" in (folder / "summary").read_text()
    assert (folder / ".optkit" / "base" / "data" / "x.npz").is_file()
    again = script("base.sh", folder, BASE="HEAD", SUITE="model.toml", SHARED="", OUT=".optkit")
    assert (again.returncode, (folder / "outputs").read_text()) == (0, "found=false\nfound=true\n"), again.stderr


def test_a_base_that_was_not_fetched_says_what_to_do(main: Path) -> None:
    """Catches git's own words for what actions/checkout left out."""
    done = script("base.sh", main, BASE="HEAD^1", SUITE="model.toml", SHARED="", OUT=".optkit")
    assert done.returncode == 2
    assert "give actions/checkout fetch-depth: 2" in done.stdout


@pytest.mark.parametrize(
    ("optkit", "extras", "installed"),
    [
        ("", "train", f"-c {ROOT}/constraints.txt -- {ROOT}[train]"),
        ("", "", f"-c {ROOT}/constraints.txt -- {ROOT}"),
        ("dist/optkit.whl", "quantize", "-- FOLDER/dist/optkit.whl[quantize]"),
        ("1.2.3", "quantize,images", "-- optkit[quantize,images]==1.2.3"),
        ("optkit[train] >=1, <2", "quantize", "-- optkit[train] >=1, <2"),
        ("--index-url=x", "", "-- --index-url=x"),
    ],
)
def test_what_is_installed(optkit: str, extras: str, installed: str, tmp_path: Path) -> None:
    """Catches an input that pip takes for an option, or whose extras are lost."""
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "optkit.whl").touch()
    said = tmp_path / "said"
    makes = 'mkdir -p temp/optkit/bin; cp "$0" temp/optkit/bin/python; cp "$0" temp/optkit/bin/optkit'
    (tmp_path / "python").write_text(f'#!/bin/sh\n{makes}\necho "$*" >> {said}\n')
    (tmp_path / "python").chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "RUNNER_TEMP": "temp"}
    done = script("install.sh", tmp_path, OPTKIT=optkit, EXTRAS=extras, REQUIREMENTS="", **env)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in said.read_text().splitlines() if "pip install" in line]
    expected = installed.replace("FOLDER", str(tmp_path))
    assert line == f"-m pip install --disable-pip-version-check {expected}"


def test_inputs_are_data_for_the_scripts(tmp_path: Path) -> None:
    """Catches a value that the shell splits, expands or runs: each is one argument, as it stands."""
    bad = "a b; touch pwned $(touch pwned) *"
    tool = tmp_path / "temp" / "optkit" / "bin" / "optkit"
    tool.parent.mkdir(parents=True)
    tool.write_text('#!/bin/sh\nfor one; do echo "<$one>" >> said; done\n')
    tool.chmod(0o755)
    names = ("SUITE", "DATA", "PACKAGES", "THREADS", "SESSIONS", "PYTEST", "OUT")
    env = {"RUNNER_TEMP": "temp", "SIDE": "base", **{name: f"{name} {bad}" for name in names}}
    done = script("measure.sh", tmp_path, **env)
    assert done.returncode == 0, done.stderr
    said = (tmp_path / "said").read_text().splitlines()
    build = ["build", f"SUITE {bad}", "--data", f"DATA {bad}", "--allow", f"PACKAGES {bad}", "--json"]
    assert said[: len(build)] == [f"<{word}>" for word in build]
    assert f"<--pytest=PYTEST {bad}>" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"OUT {bad}", "said", "temp"])


def test_a_base_that_cannot_be_measured_is_told(tmp_path: Path) -> None:
    """Catches a comparison that is left out without a word."""
    tool = tmp_path / "temp" / "optkit" / "bin" / "optkit"
    tool.parent.mkdir(parents=True)
    tool.write_text("#!/bin/sh\nexit 2\n")
    tool.chmod(0o755)
    env = dict.fromkeys(("SUITE", "DATA", "PACKAGES", "THREADS", "SESSIONS", "PYTEST"), "")
    done = script("measure.sh", tmp_path, RUNNER_TEMP="temp", SIDE="base", OUT="out", **env)
    assert done.returncode == 2
    assert "Not compared: the base could not be measured" in (tmp_path / "summary").read_text()
