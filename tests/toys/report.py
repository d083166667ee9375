"""A toy report: the names of the variants."""

from optkit.record.run import Run


def text(run: Run) -> str:
    return " ".join(run.variants)
