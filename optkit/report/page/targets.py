"""What the files are on the targets of the suite: the figures that the run has of them."""

from __future__ import annotations

from optkit.names import shown
from optkit.record.run import Run
from optkit.report.page.parts import Cell, Head, Section, Table, text
from optkit.report.targets import value_text
from optkit.spec.metrics import METRICS


def targets_sections(run: Run) -> tuple[Section, ...]:
    """Return a section with a table for each target; none when the run has no figures of any."""
    names = list(dict.fromkeys(name for facts in run.variants.values() for name in facts.targets))
    if not names:
        return ()
    missing = ("Whether a file fits is in the gates of its suite: optkit gate.",)
    return (Section("targets", "On targets", tuple(_table(run, name) for name in names), missing),)


def _table(run: Run, name: str) -> Table:
    known = {variant: facts.targets[name] for variant, facts in run.variants.items() if name in facts.targets}
    metrics = [one for one in METRICS if any(one in there.figures for there in known.values())]
    first = next(iter(known.values()))
    estimated = ", estimates" if any(there.estimated for there in known.values()) else ""
    heads = [Head("file", number=False), *(Head(metric.replace("_", " ")) for metric in metrics)]
    rows = []
    for variant, there in known.items():
        cells = [
            Cell(value_text(m, there.figures[m]), there.figures[m]) if m in there.figures else Cell("-")
            for m in metrics
        ]
        rows.append(
            (text(variant), *cells, text(shown((there.refused or there.missing).split(".tflite: ")[-1]) or "-"))
        )
    caption = f"{name}: {there_text(first.by, first.version)}{estimated}"
    return Table(caption, (*heads, Head("why not", number=False)), tuple(rows))


def there_text(by: str, version: str) -> str:
    """Return a runtime or compiler with its version."""
    return shown(f"{by} {version}".strip())
