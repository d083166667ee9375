"""Read the steps of a workflow or an action, and run them here in order, as GitHub's runner would.

Steps that use other people's actions (checkout, caches, artifacts) are not run: what they bring is laid out beforehand.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.isolation import GUARD, ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTION = ROOT / ".github" / "actions" / "gate" / "action.yml"
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.S)
_REFERENCE = re.compile(r"'[^']*'|\b(github|env|inputs|steps|runner)((?:\.[\w*-]+)+)")


def read(path: Path) -> dict[str, Any]:
    """Return the document at `path`. YAML 1.1 takes the key `on` for true."""
    found = yaml.safe_load(path.read_text())
    return {("on" if key is True else key): value for key, value in found.items()}


def all_steps() -> list[dict[str, Any]]:
    """Return every step of every workflow and of the action."""
    jobs = [job for path in WORKFLOWS for job in read(path)["jobs"].values()]
    return [step for job in (*jobs, read(ACTION)["runs"]) for step in job["steps"]]


def is_this_action(uses: str) -> bool:
    """Tell whether a step uses the action of this repository, from it or from another one."""
    return uses.split("@")[0].endswith("/.github/actions/gate")


def stand_in(checkout: Path) -> None:
    """Give `checkout` a .venv: this Python, its libraries (tests have no network), and the checkout's own optkit."""
    folder = checkout / ".venv" / "bin"
    if (checkout / "pyproject.toml").exists() and not folder.exists():
        folder.mkdir(parents=True)
        for name, arguments in (("python", ""), ("optkit", "-m optkit ")):
            script = f'#!/bin/sh\nPYTHONPATH="{checkout}:{GUARD}" exec "{sys.executable}" {arguments}"$@"\n'
            (folder / name).write_text(script)
            (folder / name).chmod(0o755)
        (checkout / ".venv" / "installed").touch()


@dataclass
class Job:
    """A job in `workspace`: what its steps may refer to, and what came of them.

    `temp` is the temporary folder of the runner; one beside the workspace when it is not given. `done` are steps of an
    action that the runner has done for an earlier job; they are skipped.
    """

    workspace: Path
    env: dict[str, str]
    inputs: dict[str, str] = field(default_factory=dict)
    event: str = "pull_request"
    temp: Path | None = None
    done: frozenset[str] = frozenset()
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    log: str = ""
    failed: bool = False

    @property
    def summary(self) -> str:
        """What the steps wrote for the page of the job."""
        path = self._file("summary")
        return path.read_text() if path.exists() else ""

    def run(self, steps: list[dict[str, Any]]) -> "Job":
        """Run what can be run of `steps`, each when its condition holds, and keep outcomes and outputs by id."""
        for number, step in enumerate(steps):
            outcome = "skipped"
            outputs: dict[str, str] = {}
            if step.get("id") not in self.done and self.due(str(step.get("if", "success()"))):
                if "run" in step:
                    outcome, outputs = self._run(step)
                elif is_this_action(step["uses"]):
                    outcome, outputs = self._action(step)
                else:
                    outcome = "success"
            self.failed |= outcome == "failure" and not step.get("continue-on-error")
            self.steps[step.get("id", f"step {number}")] = {"outcome": outcome, "outputs": outputs}
        return self

    def value(self, text: str) -> str:
        """Return `text` with its expressions replaced by their values."""
        return _EXPRESSION.sub(lambda match: str(self._evaluated(match[1])), text)

    def act(self, given: dict[str, str]) -> dict[str, str]:
        """Run the steps of the action with these inputs as this job's own; return the action's outputs."""
        action = read(ACTION)
        assert set(given) <= set(action["inputs"])
        self.inputs = {name: str(one.get("default", "")) for name, one in action["inputs"].items()} | given
        self.run(action["runs"]["steps"])
        return {name: self.value(one["value"]) for name, one in action["outputs"].items()}

    def _action(self, step: dict[str, Any]) -> tuple[str, dict[str, str]]:
        given = {name: self.value(str(value)) for name, value in step.get("with", {}).items()}
        inner = Job(self.workspace, self.env, event=self.event, temp=self.temp, done=self.done)
        outputs = inner.act(given)
        self.log += inner.log
        self.steps |= {f"{step.get('id')}/{name}": found for name, found in inner.steps.items()}
        return "failure" if inner.failed else "success", outputs

    def _file(self, name: str) -> Path:
        return self.workspace.parent / f"{self.workspace.name}-{name}"

    def due(self, condition: str) -> bool:
        """Tell whether a step with this condition would run now."""
        expression = _EXPRESSION.sub(r"\1", condition)
        says_when = re.search(r"\b(success|always|cancelled|failure)\(\)", expression)
        return bool(self._evaluated(expression)) and (bool(says_when) or not self.failed)

    def _evaluated(self, expression: str) -> Any:
        """Evaluate the few forms that these files use: references, &&, ||, !, ==, format() and contains()."""
        code = _REFERENCE.sub(lambda m: f"look({m[2][1:].split('.')!r}, {m[1]!r})" if m[1] else m[0], expression)
        code = code.replace("&&", " and ").replace("||", " or ")
        code = re.sub(r"!(?!=)", " not ", code).strip()
        functions = {
            "look": self._look,
            "format": lambda form, *values: form.format(*values),
            "contains": lambda values, one: one in values,
            "success": lambda: not self.failed,
            "cancelled": lambda: False,
            "always": lambda: True,
        }
        return eval(code, {"__builtins__": {}}, functions)

    def _look(self, path: list[str], context: str) -> Any:
        if context == "steps" and path[0] == "*":
            places = ("outputs", path[2]) if path[1] == "outputs" else (path[1],)
            found: list[Any] = list(self.steps.values())
            for place in places:
                found = [one[place] for one in found if place in one]
            return found
        values: Any = {
            "github": {"workspace": str(self.workspace), "event_name": self.event},
            "runner": {"os": "Linux", "arch": "X64"},
            "env": self.env,
            "inputs": self.inputs,
            "steps": self.steps,
        }[context]
        for place in path:
            values = values.get(place, "") if context == "steps" and isinstance(values, dict) else values[place]
            if values == "":  # as there: what is not there is empty
                break
        return values

    def _run(self, step: dict[str, Any]) -> tuple[str, dict[str, str]]:
        env = {name: self.value(str(value)) for name, value in step.get("env", {}).items()}
        outputs = self._file("outputs")
        outputs.write_text("")
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.workspace,
            env={
                "PATH": os.environ["PATH"],
                **{name: os.environ[name] for name in ("HOME", "XDG_CACHE_HOME", "OPTKIT_STORE", "TMPDIR")},
                "GITHUB_ACTIONS": "true",
                "GITHUB_ACTION_PATH": str(ACTION.parent),
                "GITHUB_STEP_SUMMARY": str(self._file("summary")),
                "GITHUB_OUTPUT": str(outputs),
                "GITHUB_WORKSPACE": str(self.workspace),
                "RUNNER_TEMP": str(self.temp or self._file("temp")),
                **self.env,
                **env,
            },
            capture_output=True,
            text=True,
            timeout=300,
        )
        self.log += f"$ {step['run']}\n{done.stdout}{done.stderr}exit code {done.returncode}\n"
        for checkout in (self.workspace, self.workspace / "out" / "base"):
            stand_in(checkout)
        pairs = (line.split("=", 1) for line in outputs.read_text().splitlines())
        return "failure" if done.returncode else "success", dict(pairs)
