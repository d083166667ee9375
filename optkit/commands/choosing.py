"""The suite and the data that a command line names."""

from __future__ import annotations

import argparse

from optkit.data import Dataset
from optkit.files.configuration import allowed_packages
from optkit.spec import Suite
from optkit.suites import open_suite


def open_chosen(options: argparse.Namespace) -> tuple[Suite, Dataset]:
    """Return the suite and the data that --suite, --data and --allow name. Its --variants are checked first."""
    allowed = allowed_packages(options.allow)
    store = getattr(options, "store", None)
    return open_suite(options.suite, options.data, variants=options.variants, allowed=allowed, store=store)
