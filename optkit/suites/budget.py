"""The budget of a suite file, as bounds."""

from __future__ import annotations

from optkit.spec.bounds import Bound
from optkit.suites import read_suite_file
from optkit.suites.short import budget_of


def read_budget(name_or_path: str) -> tuple[Bound, ...]:
    """Return the budget of a suite, a built-in one by name or a file by path; empty when it has none.

    Raises SuiteError when there is no such suite, or anything in it is wrong.
    """
    file = read_suite_file(name_or_path)
    file.on()
    return budget_of(file.document)
