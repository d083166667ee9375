"""The workflow's steps, run in order in a scratch repository whose last commit is a real change, good or bad."""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ci.steps import Job, read, stand_in
from tests.isolation import ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "benchmark.yml"
NETWORK, SUITE_FILE = "optkit/models/mnist_conv.py", "ci.toml"
SUITE = """
schema = 1
name = "ci"
baseline = "small"

[workload]
dataset = "mnist"
network = "mnist_conv"
training = { epochs = 3, batch_size = 16, learning_rate = 0.005 }

[variants.small]
conversion = { mode = "dynamic_range" }

[[gates]]
metric = "accuracy"
min = 0.5
"""


@dataclass(frozen=True)
class Change:
    """Text that a commit replaces in a file, which steps must then be red, and what the summary must say."""

    file: str
    old: str
    new: str
    red: frozenset[str]
    culprit: str
    budget: int = 1


# A budget of 1 s is one process: always inconclusive, which must not be red. A kernel of nine times the area is slower
# by far more than noise, and no larger: no version is raised, so a store that both sides shared would hide it.
CHANGES = {
    "good": Change(NETWORK, "", "", frozenset(), "small: inconclusive"),
    "slower": Change(NETWORK, ", 3, activation", ", 9, activation", frozenset({"ab"}), "`small: slower: ", 60),
}


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with optkit as it stands here and a suite that trains in a second, as its one commit."""
    folder = tmp_path_factory.mktemp("ci") / "scratch"
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("optkit", "fixtures", "benchmarks", ".github"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("conftest.py", "pyproject.toml", "constraints.txt", "Makefile", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    (folder / SUITE_FILE).write_text(SUITE)
    git(folder.parent, "init", str(folder))
    commit(folder)
    return folder


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--allow-empty", "-m", "A change")


@pytest.fixture(scope="module")
def settings(tiny_data: Path) -> dict[str, str]:
    """The workflow's own variables, but for the suite, the data and the seconds spent."""
    own = {name: str(value) for name, value in read(WORKFLOW)["env"].items()}
    quick = "--threads 1 --benchmark-max-time=0.02 --benchmark-min-rounds=2"
    return {**own, "SUITE": SUITE_FILE, "DATA": "full", "OPTKIT_DATA": str(tiny_data), "ARGS": quick}


Changed = Callable[[str], Job]


@pytest.fixture(scope="module")
def changed(scratch: Path, settings: dict[str, str]) -> Changed:
    """Run the workflow on a change, once; the base's store goes from one to the next, as the cache keeps it."""
    jobs: dict[str, Job] = {}
    (scratch.parent / "store").mkdir()

    def run(name: str) -> Job:
        if name not in jobs:
            change, folder = CHANGES[name], scratch.parent / name.replace(" ", "-")
            git(scratch, "clone", str(scratch), str(folder))
            stand_in(folder)
            text = (folder / change.file).read_text()
            (folder / change.file).write_text(text.replace(change.old, change.new) + "# A remark.\n")
            commit(folder)
            (folder / "out").mkdir()
            (folder / "out" / "store-base").symlink_to(scratch.parent / "store")
            if name == "good":  # it changes no build: the test saves itself one
                (folder / "out" / "store-head").symlink_to(scratch.parent / "store")
            job = Job(folder, {**settings, "BUDGET": str(change.budget)})
            jobs[name] = job.run(read(WORKFLOW)["jobs"]["compare"]["steps"])
        return jobs[name]

    return run


@pytest.mark.slow
@pytest.mark.parametrize("name", ["slower"])  # less accurate and larger: tests/ci/test_action.py
def test_a_change_ends_red_where_it_is_worse_and_the_summary_names_the_culprit(name: str, changed: Changed) -> None:
    """Catches a workflow that passes a worse model, fails a good one, or does not say which model is to blame."""
    job, change = changed(name), CHANGES[name]
    outcomes = {step: job.steps[step]["outcome"] for step in ("measure", "gate", "compare", "ab")}
    red = {step for step, outcome in outcomes.items() if outcome != "success"}
    assert red == change.red, job.log
    assert job.failed == bool(change.red)
    assert change.culprit in job.summary
    for step in ("gate", "compare"):
        word = "fail" if step in red else "pass"
        assert f"`optkit {step}`: {word}" in job.summary or f"`optkit {step}`: inconclusive" in job.summary
    codes = re.findall(r"^exit code (\d)$", job.log, re.M)
    assert sorted(codes)[-1] == ("1" if red else "0"), "a verdict (1), never bad input (2)"


@pytest.mark.slow
def test_an_inconclusive_comparison_is_a_warning_and_never_silent(changed: Changed) -> None:
    """Catches exit code 3 taken for green without a word."""
    job = changed("good")
    assert "::warning title=optkit::optkit ab is inconclusive; small: inconclusive" in job.log
    assert "### ⚠️ `optkit ab`: inconclusive" in job.summary


def test_a_build_that_fails_is_red_and_nothing_is_judged(scratch: Path, settings: dict[str, str]) -> None:
    """Catches steps that judge the results of another run because they ran `if: always()`."""
    folder = scratch.parent / "broken"
    git(scratch, "clone", str(scratch), str(folder))
    stand_in(folder)
    (folder / SUITE_FILE).write_text("not a suite")
    commit(folder)
    steps = [step for step in read(WORKFLOW)["jobs"]["compare"]["steps"] if step.get("run") != "make measure-base"]
    job = Job(folder, settings).run(steps)
    outcomes = [job.steps[step]["outcome"] for step in ("measure", "gate", "compare", "ab")]
    assert outcomes == ["failure", "skipped", "skipped", "skipped"], job.log
    assert "is not a TOML file" in job.log


@pytest.mark.slow
def test_a_run_of_the_main_branch_joins_the_history(changed: Changed, scratch: Path, settings: dict[str, str]) -> None:
    """Catches a history that is lost: never pushed, pushed over an earlier one, or not where `optkit history` looks."""
    changed("good")
    origin, main = scratch.parent / "origin.git", scratch.parent / "main"
    git(scratch, "clone", "--bare", str(scratch), str(origin))
    for run in (1, 2):
        shutil.rmtree(main, ignore_errors=True)
        git(origin, "clone", str(origin), str(main))
        stand_in(main)
        (main / "out").mkdir()
        (main / "out" / "store-base").symlink_to(scratch.parent / "store")
        job = Job(main, settings).run(read(WORKFLOW)["jobs"]["record"]["steps"])
        assert not job.failed, job.log
        assert "`optkit history`: pass" in job.summary
        keep = scratch.parent / f"keep-{run}"
        git(origin, "clone", str(origin), str(keep))
        ignore = shutil.ignore_patterns(".git")  # as the artifact has it: no hidden files
        shutil.copytree(main / "out" / "history", keep / "out" / "new", ignore=ignore)
        kept = Job(keep, settings).run(read(WORKFLOW)["jobs"]["keep"]["steps"])
        assert not kept.failed, kept.log
        files = git(origin, "ls-tree", "-r", "--name-only", "benchmark-history").split()
        assert [Path(file).name[:4] for file in files] == [f"{n:04}" for n in range(1, run + 1)]
        assert len(git(origin, "log", "--format=%H", "benchmark-history").split()) == run
