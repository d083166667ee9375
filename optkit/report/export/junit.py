"""JUnit XML: a test case for each gate."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from optkit.judge.gates import Verdict
from optkit.names import shown
from optkit.record.run import Run


def to_junit(run: Run, verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts as JUnit XML: a failure for each gate that failed, an error where it cannot be told.

    What cannot be told and is good enough for the suite (`inconclusive = "pass"`) is skipped.
    """
    kinds = [_junit_kind(verdict) for verdict in verdicts]
    suite = ET.Element("testsuite", name=run.suite, tests=str(len(verdicts)))
    for attribute, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(kinds.count(kind)))
    for verdict, kind in zip(verdicts, kinds, strict=True):
        case = ET.SubElement(suite, "testcase", classname=f"{run.suite}.{verdict.variant}", name=verdict.name)
        if kind:
            told = ET.SubElement(case, kind, message=shown(str(verdict).splitlines()[0]))
            if kind != "skipped":
                told.set("type", verdict.status)
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def _junit_kind(verdict: Verdict) -> str:
    if verdict.tolerated:
        return "skipped"
    return {"pass": "", "fail": "failure"}.get(verdict.status, "error")
