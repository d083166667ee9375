"""Markdown of verdicts: the culprits first, everything else kept, and no text of a suite taken for markup."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from optkit.judge.ab import compare_pairs
from optkit.judge.gates import check_run
from optkit.judge.pairs import Pair
from optkit.judge.tolerances import Tolerances
from optkit.measure.paired import PairedTiming
from optkit.report.comparison import comparison_text
from optkit.report.markdown import ab_culprits, comparison_culprits, gate_culprits, section
from tests.builders import SUITE_, a_run, benchmark, compared, facts, process, run, variant

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1).filter(str.strip)


@given(WORDS, WORDS)
def test_no_text_ends_its_code_span_or_its_block(culprit: str, shown: str) -> None:
    """Catches markup from outside: a name that would be a heading, a link or an image in the job summary."""
    tokens = MarkdownIt().parse(section("optkit gate", "fail", [culprit], shown))
    kinds = [token.type for token in tokens if not token.type.endswith(("_open", "_close"))]
    assert kinds == ["inline", "inline", "html_block", "fence", "html_block"]
    heading, item, _, fence, _ = (token for token in tokens if token.type in kinds)
    assert heading.content == "❌ `optkit gate`: fail"
    assert [(child.type, child.content) for child in item.children or ()] == [
        ("code_inline", " ".join(culprit.split()))
    ]
    assert fence.content.removesuffix("\n") == shown.removesuffix("\n")


def test_gates_that_failed_are_named_and_those_that_passed_are_not() -> None:
    run = a_run(benchmark(facts()), benchmark(facts("int8", accuracy_drop=0.9), 0.1))
    verdicts = check_run(SUITE_, run, whole=True)
    lines = gate_culprits(verdicts)
    assert any(line.startswith("fail: int8: accuracy_drop is 0.9, must be <= 0.5") for line in lines)
    assert any(line.startswith("not comparable: pruned") for line in lines)
    assert not any(line.startswith("pass") for line in lines)


def test_slower_and_undecided_pairs_are_named_with_their_ratio() -> None:
    ratios = {"fine": 0.0, "slow": 0.4, "noisy": 0.0}

    def measure(pair: Pair, number: int) -> PairedTiming:
        noise = 0.2 if pair.name == "noisy" else 0.001
        return process(number, ratios[pair.name] + noise * (-1) ** (number // 3))

    pairs = [Pair(name, Path("base"), Path("head")) for name in ratios]
    slow, noisy, gone = ab_culprits(compare_pairs(pairs, measure, Tolerances(), 1e9), ["gone"])
    assert slow.startswith("slow: slower: 1.49")
    assert noisy.startswith("noisy: inconclusive (")
    assert gone == "gone: missing, new or renamed; allow it with --allow"


def test_what_fails_between_two_runs_is_named_with_both_figures() -> None:
    found = compared(run(variant(), variant("a")), run(variant(size=2000, wrong=400), variant("b")))
    lines = comparison_culprits(found)
    assert "int8: file_bytes 2,000 → 4,000 (+100.00 %): FAIL: larger" in lines
    assert any(line.startswith("int8: accuracy 0.9800 → 0.8000 (-0.1800): FAIL: less accurate") for line in lines)
    assert any(line.startswith("int8/single_batch/1: seconds") and "inconclusive" in line for line in lines)
    assert {line.split(":")[0] for line in lines} >= {"a", "b"}


def test_times_can_be_left_out_and_that_is_said() -> None:
    found = compared(run(variant()), run(variant(), seconds=(5.0,)), times=False)
    assert (found.exit_code, [d for d in found.deltas if d.metric == "seconds"]) == (0, [])
    assert comparison_text(found, Tolerances(), times=False).endswith("together. Times were left out.")
    assert "slower" not in comparison_text(found, Tolerances(), times=False)
