"""Where each process of optkit's own code begins: `python own.py MODULE [ARGUMENT…]` calls that module's `main`.

Law: the folder that you stand in is no place to import from. A repository that you look at may hold a `json.py`.
"""

from __future__ import annotations

import importlib
import os
import sys


def main() -> object:
    """Import from the package that this file is of, and become the module that was asked for."""
    folder = os.path.dirname(os.path.abspath(__file__))
    packages = os.path.dirname(os.path.dirname(folder))
    sys.path[:] = [path for path in sys.path if path != folder]
    if packages not in sys.path:
        sys.path.insert(0, packages)
    sys.argv = sys.argv[1:]
    return importlib.import_module(sys.argv[0]).main()


if __name__ == "__main__":
    sys.exit(main())  # type: ignore[arg-type]
