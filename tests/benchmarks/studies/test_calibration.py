"""The calibration's plan is balanced, it goes on where it stopped, and rates and rivals' rules are what they say."""

import json
import math
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.studies.calibration import campaign, load, networks, plan, records, tables, truth
from benchmarks.studies.publish import replace_between
from optkit import OptkitError
from optkit.measure.paired import LOAD_ORDERS, PairedTiming
from tests.isolation import ROOT

SLOWER = [plan.Trial(kind, f"net{i}", f"net{i}{kind}") for kind in list(plan.KINDS)[1:] for i in range(4)]
FILES = [f"file{i}" for i in range(14)]


def test_a_plan_has_enough_of_each_kind_and_is_balanced_wherever_it_is_cut() -> None:
    planned = plan.slots(FILES, SLOWER)
    kinds = Counter(slot.trial.kind for slot in planned)
    assert kinds == {plan.SAME: 56, "+2 %": 28, "+3 %": 28, "+5 %": 28}
    whole = Counter(slot.trial for slot in planned)
    assert {whole[plan.Trial(plan.SAME, name, name)] for name in FILES} == {4}
    assert {whole[trial] for trial in SLOWER} == {7}
    assert len({slot.key for slot in planned}) == len(planned)
    block = len(planned) // plan.BLOCKS
    for cut in range(block, len(planned), block):
        taken = Counter(slot.trial for slot in planned[:cut])
        for trials in (SLOWER, [trial for trial in taken if trial.kind == plan.SAME]):
            counts = [taken[trial] for trial in trials]
            assert max(counts) - min(counts) <= 1
    assert planned == plan.slots(FILES, SLOWER)
    assert planned[: 3 * block] == plan.slots(FILES, SLOWER, blocks=3)
    assert [s.trial for s in planned[:block]] != [s.trial for s in planned[block : 2 * block]]


def test_missing_pairs_of_a_kind_are_made_up_for_by_the_others() -> None:
    few = [trial for trial in SLOWER if trial.kind != "+2 %" or trial.base in ("net0", "net1")]
    kinds = Counter(slot.trial.kind for slot in plan.slots(FILES, few))
    assert kinds["+2 %"] == kinds["+3 %"] == 28


def one_timing(number: int, effect: float) -> PairedTiming:
    order = LOAD_ORDERS[number % 6]
    return PairedTiming(effect=effect, control=0.0, load_order=order, rounds=9, calls=1, seconds=1e-4)


def test_truth_goes_on_after_an_interruption(tmp_path: Path) -> None:
    calls: list[tuple[str, int]] = []

    def measure(base: str, head: str, number: int) -> PairedTiming:
        if len(calls) == 4:
            raise KeyboardInterrupt
        calls.append((head, number))
        return one_timing(number, math.log(1.028))

    path = tmp_path / "truth.jsonl"
    with pytest.raises(KeyboardInterrupt):
        truth.run(truth.Timings(path, {}, measure), [("a", "a1")], print, math.inf, 6)
    calls.append(("interrupted", 0))
    (found,) = truth.run(truth.Timings(path, {}, measure), [("a", "a1")], print, math.inf, 6)
    assert [number for head, number in calls if head == "a1"] == list(range(6))
    assert (found["base"], found["head"], found["ratio"], found["processes"]) == ("a", "a1", 1.028, 6)
    assert found["clock"] == records.read(path)[1][0]["clock"] == "wall"
    with pytest.raises(TimeoutError):
        truth.run(truth.Timings(path, {}, measure), [("a", "a1")], print, -math.inf, 12)


def answer(verdict: str = "same") -> dict[str, Any]:
    return {"verdict": verdict, "ratio": 1.0, "processes": 6, "seconds": 4.0}


def session(mean: float) -> dict[str, Any]:
    return {"mean": mean, "rounds": [mean]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / f"{name}.tflite").write_bytes(name.encode())
    return tmp_path


def test_a_campaign_keeps_each_invocation_at_once_and_takes_none_twice(folder: Path) -> None:
    planned, path, taken = plan.slots(FILES, SLOWER)[:20], folder / "results" / "quiet.jsonl", list[tuple[Path, str]]()

    def invoke(base: Path, head: Path, margin: str) -> dict[str, Any]:
        if len(taken) == 5:
            taken.append((base, "interrupted"))
            raise KeyboardInterrupt
        taken.append((head, margin))
        return answer()

    def run(minutes: float = 1.0, **facts: Any) -> int:
        return campaign.run(
            path, planned, folder, facts, minutes, invoke=invoke, session=lambda model: session(1.0), say=lambda _: None
        )

    with pytest.raises(KeyboardInterrupt):
        run()
    assert len(records.read(path)[1]) == 5
    with path.open("a") as file:
        file.write('{"slot": "cut sho')
    assert run(minutes=-1) == 15
    assert run() == 0
    assert [record["slot"] for record in records.read(path)[1]] == [slot.key for slot in planned]
    assert {margin for head, margin in taken if "+2 %" in head.name} == {"1%"}
    assert {margin for head, margin in taken if "+5 %" in head.name} == {"2%"}
    copies = [head for head, _ in taken if head.parent.name == "copies"]
    assert copies
    assert all(head.read_bytes() == head.stem.encode() for head in copies)
    with pytest.raises(OptkitError, match="machine"):
        run(machine="another")


def test_a_slot_whose_competitor_ended_is_not_kept(folder: Path) -> None:
    def gone() -> None:
        raise RuntimeError

    path = folder / "one.jsonl"
    with pytest.raises(RuntimeError):
        campaign.run(
            path,
            plan.slots(FILES, []),
            folder,
            {},
            1,
            invoke=lambda *_: answer(),
            session=lambda _: session(1.0),
            check=gone,
        )
    assert records.read(path)[1] == []


def record(kind: str, verdict: str, base: float, head: float) -> dict[str, Any]:
    plain = {"base": session(base), "head": session(head)}
    plain["base"]["rounds"] = [base * (1 + i / 1000) for i in range(50)]
    plain["head"]["rounds"] = [head * (1 + i / 1000) for i in range(50)]
    began = "2026-01-01T00:00:00"
    return {**answer(verdict), "kind": kind, "base": "a", "head": "b", "plain": plain, "began": began}


def test_the_rivals_judge_the_same_slot_by_their_own_rules() -> None:
    drifted, little, faster = (record(plan.SAME, "same", 1.0, head) for head in (1.06, 1.04, 0.9))
    assert [tables.mean_fails(one) for one in (drifted, little, faster)] == [True, False, False]
    assert [tables.ranks_fail(one) for one in (drifted, little, faster)] == [True, True, False]
    assert not tables.ranks_fail(record(plan.SAME, "same", 1.0, 1.0))


def test_a_pair_taken_again_and_again_has_a_row_of_its_own() -> None:
    slots = plan.repeated("mobilenet", 3)
    assert [slot.key for slot in slots] == [f"identical mobilenet | mobilenet #{i}" for i in range(3)]
    taken = [record(plan.SAME, word, 1.0, 1.0) for word in ("same", "same", "inconclusive")]
    (row,) = tables.repeated_rows({("four", "mobilenet"): taken})
    assert row[:6] == ["four", "`mobilenet`", "2 of 3", "0", "0", "1"]


def test_the_clock_of_records_is_told() -> None:
    old, new = record(plan.SAME, "same", 1.0, 1.0), {**record(plan.SAME, "same", 1.0, 1.0), "clock": "cpu"}
    assert tables.clock_text([old]) == "wall clock"
    assert tables.clock_text([new, new]) == "CPU time"
    assert tables.clock_text([old, new]) == "CPU time and wall clock"


def test_what_competes_is_told_and_a_command_takes_no_core_twice() -> None:
    assert load.described("quiet") == ""
    assert load.described("both") == "spinning in Python, on core 0 and 1"
    assert load.described("four") == "spinning in Python, 2 times on each on core 0 and 1"
    with pytest.raises(OptkitError, match="run a command beside one or both"), load.competitors("four", "sleep 60"):
        pass


def test_rates_have_exact_intervals() -> None:
    assert tables.rate(0, 100) == "0.0 % (0.0–3.6)"
    assert tables.rate(50, 52) == "96.2 % (86.8–99.5)"
    assert tables.rate(0, 0) == "–"


def test_the_table_counts_each_verdict_under_its_condition(tmp_path: Path) -> None:
    taken = [record("+3 %", word, 1.0, 1.0) for word in ("slower", "slower", "same", "inconclusive")]
    machine = {"cpu": "x", "cores": 2, "system": "y", "python": "3", "ai-edge-litert": "1", "numpy": "2", "scipy": "3"}
    header = {"environment": machine}
    again = {("four", "mobilenet"): [record(plan.SAME, "same", 1.0, 1.0)]}
    shown = tables.document((header, []), {"both": (header, taken), "quiet": (header, taken[:2])}, again)
    assert "`ab` timed by wall clock" in shown
    assert "| four | `mobilenet` | 1 of 1 |" in shown
    rows = [[cell.strip() for cell in line.split("|")] for line in shown.splitlines() if "+3 %" in line]
    assert [row[1] for row in rows] == ["quiet", "both"]
    assert rows[1][4:9] == ["4 of 1", "50.0 % (6.8–93.2)", "1", "0", "1"]
    document = tmp_path / "verdicts.md"
    document.write_text("a\n<!-- calibration:begin -->\nold\n<!-- calibration:end -->\nb")
    replace_between(document, "calibration", shown)
    assert "old" not in document.read_text()
    assert "+3 %" in document.read_text()


def test_the_document_has_the_place_for_the_table() -> None:
    assert (ROOT / "docs/evidence/ab.md").read_text().count("<!-- calibration:begin -->") == 1


def test_records_of_another_schema_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.jsonl"
    path.write_text(json.dumps({"schema": 0}) + "\n")
    with pytest.raises(OptkitError, match="schema"):
        records.begin(path, {})


def test_a_build_makes_what_is_missing_and_only_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored, made = tmp_path / "stored", list[str]()
    stored.write_bytes(b"file")

    def convert(ladder: networks.Ladder, widths: dict[str, int]) -> bytes:
        made.append(f"{ladder.network} {widths}")
        return b"model"

    ladder = networks.Ladder(network="net", widths={"wide": (9,)})
    suite = SimpleNamespace(baseline="b", select=lambda names: names)
    monkeypatch.setattr(networks, "LADDERS", {"net": ladder})
    monkeypatch.setattr(networks, "SUITE_FILES", {"mnist": ("int8",)})
    monkeypatch.setattr(networks, "_convert", convert)
    monkeypatch.setattr(networks, "open_suite", lambda *_: (suite, SimpleNamespace(name="d", digest="0" * 64)))
    monkeypatch.setattr(networks, "build_variants", lambda *_: {"int8": SimpleNamespace(path=stored)})
    for _ in range(2):
        networks.build(tmp_path / "out", "full", tmp_path / "store")
    assert made == ["net {}", "net {'wide': 9}"]
    known = json.loads((tmp_path / "out/artifacts.json").read_text())
    assert list(known) == ["net", "net-wide-9", "mnist-int8"]
    (tmp_path / "out/net.tflite").unlink()
    networks.build(tmp_path / "out", "full", tmp_path / "store")
    assert made[2:] == ["net {}"]


def test_a_pair_stands_for_the_slow_down_that_its_true_ratio_is_near_to() -> None:
    truths = [
        {"base": "a", "head": head, "ratio": ratio}
        for head, ratio in (("five", 1.0529), ("none", 1.011), ("two", 1.0249), ("three", 1.0251), ("much", 1.0551))
    ]
    kinds = {trial.head: trial.kind for trial in plan.slower(truths)}
    assert kinds == {"five": "+5 %", "two": "+2 %", "three": "+3 %"}
