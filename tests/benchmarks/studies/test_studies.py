"""Every study can be started as its text says."""

import re
import subprocess
import sys
from pathlib import Path

from tests.isolation import ROOT

IMPORT = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"


def test_every_study_can_be_imported_from_the_root_of_the_repository() -> None:
    """Catches a study that finds its neighbours only when it is started as a file."""
    paths = sorted(path.relative_to(ROOT) for path in (ROOT / "benchmarks" / "studies").rglob("*.py"))
    names = [".".join(path.with_suffix("").parts) for path in paths]
    assert len(names) > 20
    done = subprocess.run([sys.executable, "-c", IMPORT, *names], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_commands_in_the_docs_name_modules_that_there_are() -> None:
    texts = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", *(ROOT / "benchmarks" / "studies").rglob("*.py")]
    found = {name for path in texts for name in re.findall(r"python -m (benchmarks\.[\w.]*\w)", path.read_text())}
    assert len(found) >= 10
    for name in found:
        place = ROOT / Path(*name.split("."))
        assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file(), name
