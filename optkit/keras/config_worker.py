"""The process that reads a model's configuration from HDF5: the path as argument, the JSON on standard output.

A user's file meets the HDF5 library here, so that a damaged one ends this process and no other. Exit code 1: the reason
is on standard error.
"""

from __future__ import annotations

import sys
from pathlib import Path

from optkit.errors import OptkitError
from optkit.files.hdf5 import open_hdf5


def main() -> int:
    """Print the configuration of the model in the file that is named."""
    try:
        with open_hdf5(Path(sys.argv[1])) as file:
            found = file.attrs["model_config"]
    except KeyError:
        sys.stderr.write("it holds weights only; save the whole model")
        return 1
    except (OptkitError, OSError, ValueError, RuntimeError) as error:
        sys.stderr.write(str(error))
        return 1
    sys.stdout.write(found.decode() if isinstance(found, bytes) else str(found))
    return 0
