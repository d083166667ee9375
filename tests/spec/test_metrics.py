"""The page on metrics says what the code does."""

from optkit.data.labels import LABEL_FORMS
from optkit.spec.metrics import DEFAULT_METRICS, TASK_METRICS, TASKS, default_metric
from tests.isolation import ROOT

PAGE = (ROOT / "docs" / "own-data.md").read_text()


def test_the_table_of_metrics_is_that_of_the_code() -> None:
    for name, metric in TASK_METRICS.items():
        row = (name, metric.tasks, metric.unit, metric.better, metric.by_sample, metric.meaning)
        cells = f"`{name}`", ", ".join(row[1]), *row[2:4], "yes" if row[4] else "no", row[5]
        assert f"| {' | '.join(cells)} |" in PAGE


def test_the_table_of_tasks_has_every_task_with_its_metric() -> None:
    for task in TASKS:
        (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{task}` |")]
        assert f"`{DEFAULT_METRICS[task]}`" in row.split("|")[4]
    assert set(DEFAULT_METRICS) == set(LABEL_FORMS) == set(TASKS)
    assert default_metric("reconstruction") == "auc" != default_metric("reconstruction", labelled=False)
