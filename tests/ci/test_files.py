"""What must hold of the workflow files themselves: safe, pinned, and nothing in them that cannot be run elsewhere."""

import re
from pathlib import Path
from typing import Any

import pytest

from optkit.commands import COMMANDS
from tests.ci.steps import ACTION, WORKFLOWS, all_steps, read
from tests.isolation import ROOT

STEPS = all_steps()
RUNS = [step["run"] for step in STEPS if "run" in step]
_TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
_OPTKIT = re.compile(r'^"?[^\s"]*\.venv/bin/optkit"? (\w+) ')
_MAKE = re.compile(r'^make (?:-[Cf] "[^"]+" )?([\w-]+)(?: ARGS="[^"$]*")?$')


@pytest.mark.parametrize("run", RUNS)
def test_a_step_is_one_make_target_or_one_optkit_command_that_exists(run: str) -> None:
    """Catches shell logic that nobody can run or test elsewhere, and names that have gone."""
    assert not re.search(r"[;|&\n`]|\$\(", run), "one command, no shell logic"
    if run == "bash .ci/run":  # which has no logic either: make test, make lint, make bench
        return
    make, command = _MAKE.match(run), _OPTKIT.match(run)
    assert (make and make[1] in _TARGETS) or (command and command[1] in COMMANDS), run


@pytest.mark.parametrize("run", RUNS)
def test_no_value_from_outside_is_text_of_a_script(run: str) -> None:
    """Catches script injection: an expression is replaced before the shell reads the line."""
    assert "${{" not in run
    assert not re.search(r"\$\w+", re.sub(r'"[^"]*"', "", run)), "a variable outside quotes is split and expanded"


def test_makefile_recipes_quote_what_comes_from_outside() -> None:
    """Catches a make variable in place of a shell variable: make pastes its value into the script."""
    recipes = "\n".join(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("\t"))
    names = "SUITE|DATA|OUT|BASE|HISTORY"
    assert not re.search(rf"\$[({{]({names})\b", recipes)
    assert not re.search(rf"\$\$({names})\b", re.sub(r'"[^"]*"', "", recipes))


@pytest.mark.parametrize("uses", sorted({step["uses"] for step in STEPS if "uses" in step}))
def test_actions_of_others_are_pinned(uses: str) -> None:
    """Catches `@main` and `@v4`: other code on another day, perhaps not its author's."""
    assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", uses)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_job_that_runs_no_git_keeps_no_credentials(path: Path) -> None:
    """Catches a token left in the checkout, where a suite's or a library's code could read it."""
    for name, job in read(path)["jobs"].items():
        runs = " ".join(step.get("run", "") for step in job["steps"])
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@") and "make history" not in runs:
                assert step["with"]["persist-credentials"] is False, name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_except_the_jobs_that_keep_the_history_and_publish_the_pages(path: Path) -> None:
    """Catches a token that could write, within reach of what a pull request changes."""
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in workflow["on"]
    for name, job in workflow["jobs"].items():
        if (path.name, name) == ("docs.yml", "publish"):
            assert job["permissions"] == {"pages": "write", "id-token": "write"}
            assert workflow["on"] == {"push": {"branches": ["main"]}}
            assert not [step for step in job["steps"] if "run" in step], "nothing of this repository runs there"
        elif "permissions" in job:
            assert (path.name, name, job["permissions"]) == ("benchmark.yml", "keep", {"contents": "write"})
            assert "github.event_name == 'push'" in job["if"]
            assert [step["run"] for step in job["steps"] if "run" in step] == ["make history-push"]


def test_every_input_of_the_action_is_described_and_used() -> None:
    """Catches an input that is asked for and ignored, and a reference to one that does not exist."""
    action: dict[str, Any] = read(ACTION)
    used = set(re.findall(r"inputs\.([\w-]+)", ACTION.read_text()))
    assert used == set(action["inputs"])
    assert all(one["description"] for one in (*action["inputs"].values(), *action["outputs"].values()))
    assert all(step.get("shell") == "bash" for step in action["runs"]["steps"] if "run" in step)
