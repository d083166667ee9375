import csv
import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import pytest

from optkit import Gate, read_run
from optkit.cli import main
from optkit.judge.gates import Verdict, judge
from optkit.report.export.bencher import to_bencher
from optkit.report.export.csv_table import to_csv
from optkit.report.export.github_action_benchmark import to_github_action_benchmark
from optkit.report.export.junit import to_junit
from optkit.suites import load_suite

SAVED = Path(__file__).parents[1] / "judge" / "mnist_run.json"


@pytest.fixture(scope="module")
def run():
    return read_run(SAVED)


def test_bencher_has_every_benchmark_with_its_interval(run):
    found = json.loads(to_bencher(run))
    timing = run.benchmarks[0]
    latency = found["/".join(map(str, timing.benchmark))]["latency"]
    assert latency["value"] == pytest.approx(timing.seconds * 1e9)
    assert latency["lower_value"] <= latency["value"] <= latency["upper_value"]
    facts = next(facts for facts in run.variants.values() if facts.accuracy is not None)
    accuracy = found[facts.variant]["accuracy"]
    assert accuracy["lower_value"] < facts.accuracy < accuracy["upper_value"]
    assert found[facts.variant]["file-size"]["value"] == facts.artifact.file_bytes


def test_bencher_takes_it(run):
    """The form as its reference gives it: numbers, of which `value` must be there; names of measures are short."""
    metric = {
        "type": "object",
        "properties": {name: {"type": "number"} for name in ("value", "lower_value", "upper_value")},
        "required": ["value"],
        "additionalProperties": False,
    }
    measures = {"type": "object", "propertyNames": {"minLength": 1, "maxLength": 64}, "additionalProperties": metric}
    names = {"minLength": 1, "maxLength": 1024}
    found = json.loads(to_bencher(run))
    jsonschema.validate(found, {"type": "object", "propertyNames": names, "additionalProperties": measures})
    assert {timing.variant for timing in run.benchmarks} <= set(found)


def test_github_action_benchmark_takes_what_is_better_when_smaller(run):
    found = json.loads(to_github_action_benchmark(run))
    assert {"name", "unit", "value"} <= set(found[0])
    assert {one["unit"] for one in found} == {"s", "bytes", "of the metric"}
    assert not any(one["name"].endswith("/accuracy") for one in found)
    assert len({one["name"] for one in found}) == len(found)


def test_junit_has_a_case_a_verdict(run):
    variant = load_suite(run.suite).variant(next(name for name in run.variants if name != run.baseline))
    good, bad = Gate(metric="zip_bytes", min=1), Gate(metric="zip_bytes", max=1)
    root = ET.fromstring(to_junit(run, [*judge(good, variant, run), *judge(bad, variant, run)]))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("2", "1", "0")
    [failure] = root.iter("failure")
    assert "must be <= 1" in str(failure.get("message"))


def test_junit_skips_what_is_inconclusive_and_good_enough_for_the_suite():
    gates = [Gate(metric="accuracy", min=0.5, at="95%", inconclusive=rule) for rule in ("pass", "fail")]
    verdicts = [Verdict(variant="int8", gate=gate, status="inconclusive", value=0.5) for gate in gates]
    root = ET.fromstring(to_junit(read_run(SAVED), verdicts))
    assert [root.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["2", "0", "1", "1"]
    assert [[told.tag for told in case] for case in root.iter("testcase")] == [["skipped"], ["error"]]


def test_csv_has_a_row_a_benchmark(run):
    rows = list(csv.DictReader(io.StringIO(to_csv(run))))
    assert len(rows) >= len(run.benchmarks)
    assert float(rows[0]["seconds"]) > 0
    assert {row["variant"] for row in rows} == set(run.variants)


def test_the_command_prints_or_writes(tmp_path, capsys):
    assert main(["export", str(SAVED), "--format", "csv"]) == 0
    printed = capsys.readouterr().out
    assert main(["export", str(SAVED), "--format", "csv", "-o", str(tmp_path / "run.csv")]) == 0
    assert (tmp_path / "run.csv").read_text() == printed
    assert main(["export", str(SAVED), "--format", "csv", "-o", str(tmp_path / "no" / "run.csv")]) == 2
    assert "cannot be written" in capsys.readouterr().err
