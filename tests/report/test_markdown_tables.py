"""Judgements as Markdown tables: every variant has a row, the worst is marked, and no text is taken for markup."""

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from optkit.judge.ab import compare_pairs
from optkit.judge.gates import Verdict, check_run
from optkit.judge.pairs import Pair
from optkit.judge.tolerances import Tolerances
from optkit.measure.paired import PairedTiming
from optkit.report.markdown_tables import ab_table, comparison_table, gate_table
from optkit.spec import Gate
from tests.builders import SUITE_, a_run, benchmark, compared, facts, process, run, variant


def cells(table: str) -> list[list[str]]:
    """Return the cells of a Markdown table as GitHub reads them, the head first."""
    tokens = MarkdownIt().enable("table").parse(table)
    assert [token.type for token in tokens if token.level == 0] == ["table_open", "table_close"]
    found: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            found.append([])
        elif token.type == "inline":
            found[-1].append("".join(child.content for child in token.children or ()))
    return found


def test_every_variant_has_a_row_with_its_gates() -> None:
    """Catches a variant that is left out because it has no record, and a failure without its figures."""
    measured = a_run(benchmark(facts()), benchmark(facts("int8", accuracy_drop=0.9), 0.1, mode="single_sample"))
    head, *rows = cells(gate_table(measured, check_run(SUITE_, measured, whole=True)))
    assert head == ["variant", "accuracy", "drop", "file bytes", "zip bytes", "ratio", "one sample", "gates"]
    by_name = {row[0]: row for row in rows}
    assert set(by_name) == {variant.name for variant in SUITE_.variants}
    assert by_name["int8"][6] == "100 ms"
    assert "❌ fail: accuracy_drop is 0.9, must be <= 0.5" in by_name["int8"][-1]
    assert by_name["baseline"][-1] == "✅ 1 passed"
    assert by_name["pruned"][1:7] == ["–"] * 6
    assert by_name["pruned"][-1].startswith("⚠️ not comparable: accuracy_drop is no value")


def test_no_text_ends_a_cell_or_is_markup() -> None:
    """Catches a layer's pattern from a suite file that adds a column, a link or an image."""
    gate = Gate(metric="sparsity", min=0.5, layers=("a|b`", "![x](http://x)<img>"))
    verdict = Verdict(variant="int8", gate=gate, status="fail", value=0.1, where="layers a|b`, ![x](http://x)<img>")
    text = gate_table(a_run(benchmark(facts("int8"))), [verdict])
    _, row = cells(text)
    assert len(row) == 7
    assert "![x](http://x)<img>" in row[-1]
    kinds = {child.type for token in MarkdownIt().enable("table").parse(text) for child in token.children or ()}
    assert kinds <= {"text", "code_inline", "html_inline"}


def test_what_both_runs_have_is_a_row_with_both_figures() -> None:
    found = compared(run(variant(), variant("a")), run(variant(size=2000, wrong=400), variant("b")), times=False)
    head, *rows = cells(comparison_table(found))
    assert head == ["variant", "accuracy", "file bytes", "zip bytes", "verdict"]
    by_name = {row[0]: row for row in rows}
    assert by_name["int8"][2] == "2,000 → 4,000 (+100.00 %)"
    assert by_name["int8"][-1] == "❌ worse: accuracy, file bytes, zip bytes"
    assert by_name["a"][-1] == "❌ missing"
    assert by_name["b"][-1] == "❌ new"


@pytest.mark.parametrize(
    ("size", "word"),
    [
        (1000, "✅ same"),
        (999, "✅ better: file bytes, zip bytes"),
        (1001, "✅ worse within the limit: file bytes, zip bytes"),
    ],
)
def test_a_figure_that_did_not_change_is_shown_once(size: int, word: str) -> None:
    found = compared(run(variant()), run(variant(size=size)), times=False, allow=("new",))
    _, row = cells(comparison_table(found))
    assert row[1] == "0.9800"
    assert row[-1] == word


def test_pairs_have_their_ratio_and_the_same_file_says_so() -> None:
    ratios = {"fine": 0.0, "slow": 0.4}

    def measure(pair: Pair, number: int) -> PairedTiming:
        return process(number, ratios[pair.name] + 0.001 * (-1) ** (number // 3))

    judgements = compare_pairs([Pair(name, Path("base"), Path("head")) for name in ratios], measure, Tolerances(), 1e9)
    _, fine, slow, left = cells(ab_table(judgements, ["left"]))
    assert fine[-1].startswith("✅ ")
    assert slow[-1].startswith("❌ ")
    assert slow[1].startswith("1.49")
    assert left == ["left", "–", "–", "✅ the same file, not timed"]


def test_of_nothing_there_is_no_table() -> None:
    assert ab_table([]) == ""
