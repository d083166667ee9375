"""The suite and the data that a command line names."""

from __future__ import annotations

import argparse

from optkit.data import DATA_MODES, Dataset
from optkit.files.configuration import allowed_packages
from optkit.spec import Suite
from optkit.suites import load_suite, open_suite


def open_chosen(options: argparse.Namespace) -> tuple[Suite, Dataset]:
    """Return the suite and the data that --suite, --data and --allow name. Its --variants are checked first."""
    allowed = allowed_packages(options.allow)
    other = None if options.data in DATA_MODES else options.data
    load_suite(options.suite, data=other, allowed=allowed).select(options.variants)  # before any data is read
    return open_suite(options.suite, options.data, allowed=allowed, store=getattr(options, "store", None))
