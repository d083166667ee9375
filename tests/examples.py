"""The commands in the READMEs of docs/examples, and the same examples from the wheel in fresh environments.

`make examples` runs this module: it builds the wheel, makes a fresh environment, and types every command of every
README there. The examples without TensorFlow come first; then what the others install is added. It fetches libraries;
tests do not.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "docs" / "examples"
NAMES = (
    "tflite_only",
    "gated_pull_request",
    "image_classifier",
    "tabular_regression",
    "text_classifier",
    "two_inputs",
)
"""In the order in which they run: those that need no TensorFlow first."""
QUICK = "--benchmark-max-time=0.1"
"""Each benchmark is short: a user's takes half a second."""
_IDENTITY = {f"GIT_{who}_{what}": "reader" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def fences(text: str, language: str) -> list[str]:
    """Return the content of the fenced blocks of `language` in a page; of none when it is empty."""
    return [block for kind, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S) if kind == language]


def commands(name: str) -> list[tuple[str, int]]:
    """Return each command in the plain blocks of an example's README, and the exit code that its comment names."""
    lines = [line for block in fences((EXAMPLES / name / "README.md").read_text(), "") for line in block.splitlines()]
    found = []
    for line in filter(None, lines):
        command, _, comment = line.partition("  #")
        code = re.search(r"exit code (\d)", comment)
        found.append((command.strip(), int(code[1]) if code else 0))
    return found


def typed(name: str, folder: Path, env: dict[str, str]) -> str:
    """Type every command of an example's README but `pip install` in `folder`; return what they printed.

    Raises AssertionError when one ends with another exit code than the README says.
    """
    said = []
    for command, code in commands(name):
        if command.startswith("pip install "):
            continue
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env={**env, **_IDENTITY},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        said.append(done.stdout)
        assert done.returncode == code, f"{name}: {command}: exit code {done.returncode}, not {code}\n{done.stdout}"
    return "\n".join(said)


def _install(command: str, environment: Path, wheel: Path) -> None:
    """Type `command` in `environment`: `optkit` is the wheel, other libraries have the tested versions."""
    folder = wheel.parent
    (folder / "wheel.txt").write_text(f"optkit=={wheel.name.split('-')[1]}\n")
    pins = f"{folder / 'wheel.txt'} {ROOT / 'constraints.txt'}"
    env = {**_clean(environment), "PIP_FIND_LINKS": str(folder), "PIP_CONSTRAINT": pins}
    subprocess.run(["bash", "-c", f"{command} --quiet --disable-pip-version-check"], cwd=folder, env=env, check=True)
    code = "import importlib.util as u, optkit, sys; print(optkit.__file__, bool(u.find_spec('tensorflow')))"
    done = subprocess.run(
        [environment / "bin" / "python", "-c", code], cwd=folder, env=env, check=True, stdout=subprocess.PIPE, text=True
    )
    place, tensorflow = done.stdout.split()
    assert Path(place).is_relative_to(environment), place
    assert (tensorflow == "True") == ("train" in command), "no TensorFlow for those who have a .tflite file"


def _clean(environment: Path) -> dict[str, str]:
    """Return this process' variables without what leads to this repository's optkit, or to the user's store."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OPTKIT", "VIRTUAL"))}
    return {**kept, "PATH": f"{environment / 'bin'}:{os.environ['PATH']}"}


def copied_source(folder: Path) -> Path:
    """Copy this repository to `folder`, to build it there: a build leaves files, and takes in what it finds."""

    def left_out(place: str, names: list[str]) -> set[str]:
        made = {name for name in names if name.startswith(".") or name in ("__pycache__", "optkit.egg-info")}
        return made | ({"docs", "out", "build", "dist"} if Path(place) == ROOT else set())

    return Path(shutil.copytree(ROOT, folder, ignore=left_out))


def main() -> None:
    """Build the wheel and run every example from it. Ends with what failed, if anything did."""
    failed = []
    with tempfile.TemporaryDirectory(prefix="optkit-examples-") as temporary:
        folder = Path(temporary)
        source = copied_source(folder / "source")
        build = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder), str(source)]
        subprocess.run([sys.executable, *build], check=True)
        (wheel,) = folder.glob("optkit-*.whl")
        environment = folder / "environment"
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        env = {**_clean(environment), "OPTKIT_STORE": str(folder / "store"), "PYTEST_ADDOPTS": QUICK}
        installed = set()
        for name in NAMES:
            began = time.monotonic()
            (install,) = [command for command, _ in commands(name) if command.startswith("pip install ")]
            if install not in installed:
                _install(install, environment, wheel)
                installed.add(install)
                print(f"{install}: {time.monotonic() - began:.0f} s", flush=True)
                began = time.monotonic()
            shutil.copytree(EXAMPLES / name, folder / name)
            word = "as its README says"
            try:
                typed(name, folder / name, env)
            except AssertionError as error:
                word = "FAILED"
                failed.append(name)
                print(error, flush=True)
            print(f"{name}: {word}, {time.monotonic() - began:.0f} s", flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
