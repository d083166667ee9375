"""What must hold of the workflow files themselves: safe, pinned, and nothing in them that cannot be run elsewhere."""

import re
from pathlib import Path
from typing import Any

import pytest

from optkit.commands import COMMANDS
from tests.ci.steps import ACTION, WORKFLOWS, all_steps, is_this_action, read
from tests.isolation import ROOT

STEPS = all_steps()
CALLED = ROOT / ".github" / "workflows" / "gate.yml"
RUNS = [step["run"] for step in STEPS if "run" in step]
_TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
_OPTKIT = re.compile(r'^"?[^\s"]*(?:\.venv|RUNNER_TEMP/optkit)/bin/optkit"? (\w+) ')
_SCRIPT = re.compile(r'^bash "\$GITHUB_ACTION_PATH/([\w-]+\.sh)"$')
_MAKE = re.compile(r'^make (?:-[Cf] "[^"]+" )?([\w-]+)(?: ARGS="[^"$]*")?$')


@pytest.mark.parametrize("run", RUNS)
def test_a_step_is_one_target_or_script_or_command_that_exists(run: str) -> None:
    """Catches shell logic that nobody can run or test elsewhere, and names that have gone."""
    assert not re.search(r"[;|&\n`]|\$\(", run), "one command, no shell logic"
    if run == "bash .ci/run":  # which has no logic either: make test, make lint, make bench
        return
    make, command, script = _MAKE.match(run), _OPTKIT.match(run), _SCRIPT.match(run)
    assert (
        (make and make[1] in _TARGETS)
        or (command and command[1] in COMMANDS)
        or (script and (ACTION.parent / script[1]).is_file())
    ), run


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
    own = uses == "$/.github/actions/gate"  # of the repository of this file, at the commit that runs
    assert own or re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", uses)


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


def test_the_workflow_passes_every_input_on_as_the_action_has_it() -> None:
    """Catches an input of the workflow that is asked for and ignored, or whose default is another one there."""
    workflow, action = read(CALLED), read(ACTION)["inputs"]
    inputs = workflow["on"]["workflow_call"]["inputs"]
    (step,) = [step for step in workflow["jobs"]["gate"]["steps"] if is_this_action(step.get("uses", ""))]
    assert step["with"] == {name: f"${{{{ inputs.{name} }}}}" for name in inputs}
    for name, one in inputs.items():
        assert (one.get("default"), one.get("required")) == (action[name].get("default"), action[name].get("required"))
        assert one["description"]


def test_the_page_shows_the_workflow_that_is_run_here() -> None:
    """Catches a workflow in the docs that nobody has run."""
    page = (ROOT / "docs" / "ci.md").read_text()
    example = ROOT / "docs" / "examples" / "gated_pull_request" / ".github" / "workflows" / "models.yml"
    assert f"```yaml\n{example.read_text()}```" in page
    assert len(example.read_text().splitlines()) <= 10
    pins = {step["uses"] for step in STEPS if "uses" in step}
    for uses in re.findall(r"uses: (actions/\S+)", page):
        assert uses in pins, "docs pin what this repository pins"
