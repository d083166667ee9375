"""The guide on MNN shows what was measured, and the table says what a file that MNN refused came to."""

import json

from benchmarks.studies.mnn_deployment import RESULTS, table
from benchmarks.studies.reproduction.in_mnn import MODEL, PUBLISHED
from tests.isolation import ROOT

SAVED = json.loads((ROOT / RESULTS).read_text())


def test_the_guide_has_the_tables_of_the_saved_results() -> None:
    guide = (ROOT / "docs/mnn.md").read_text()
    assert len(SAVED["models"]) >= 2
    for name, found in SAVED["models"].items():
        assert table(name, found) in guide, "python -m benchmarks.studies.mnn_deployment prints the tables"


def test_a_table_says_sizes_against_mnns_own_float_file() -> None:
    row = {"file_bytes": 900, "zip_bytes": 800, "correct": 90, "cpu_ratio": [1, 1, 1], "grown_bytes": [1, 2000, 3]}
    small = {**row, "zip_bytes": 200, "correct": 88, "cpu_ratio": [1.9, 2.0, 2.1]}
    rows = {"litert": row, "none": row, "kl": small, "ema": {"refused": "it"}}
    found = {"rows": rows, "data": {"train": 5, "test": 100}, "versions": {"litert": "2", "mnn": "3"}}
    lines = table("a", found).splitlines()
    assert "| MNN, kl | 900 | 200 | 4.00 | 0.8800 | +2.00 | 2.00 (1.90 to 2.10) | 2 |" in lines
    assert "| MNN, ema | refused | - | - | - | - | - | - |" in lines


def test_the_figures_of_the_tutorial_are_as_published() -> None:
    published = (ROOT / "benchmarks/studies/reproduction/published/5_cifar10_compression.toml").read_text()
    assert f"kilobytes = {PUBLISHED['float_kilobytes']:g}, milliseconds = {PUBLISHED['float_ms']:g}" in published
    assert f"kilobytes = {PUBLISHED['int8_kilobytes']:g}, milliseconds = {PUBLISHED['int8_ms']:g}" in published
    assert f"accuracy = {0.9 + PUBLISHED['points'] / 100:g}" in published
    assert MODEL in SAVED["models"]
