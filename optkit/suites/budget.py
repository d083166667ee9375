"""The budget of a suite file, as bounds."""

from __future__ import annotations

from optkit.spec.bounds import Bound
from optkit.suites import load_suite, place_of
from optkit.suites.extends import read_document
from optkit.suites.short import budget_of


def read_budget(name_or_path: str) -> tuple[Bound, ...]:
    """Return the budget of a suite, a built-in one by name or a file by path; empty when it has none.

    Raises SuiteError when there is no such suite, or anything in it is wrong.
    """
    load_suite(name_or_path)
    document, _ = read_document(place_of(name_or_path), place_of)
    return budget_of(document)
