"""The laws of the layout: imports point one way, and importing optkit is cheap."""

import subprocess
import sys

from tests.isolation import ROOT


def test_imports_point_one_way() -> None:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_importing_optkit_imports_no_tensorflow_and_no_runtime() -> None:
    code = "import sys, optkit, optkit.cli; print([m for m in sys.modules if m.split('.')[0] in BANNED])"
    banned = "BANNED = ('tensorflow', 'tf_keras', 'keras', 'ai_edge_litert', 'pandas', 'h5py', 'pytest', 'scipy'); "
    done = subprocess.run([sys.executable, "-c", banned + code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
