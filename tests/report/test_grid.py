"""A table fits: what is equal is said once, and where there is no room each way out is taken in its order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optkit.report.grid import Column, grid, rows_text
from tests.report.many import too_wide

NAMES = ("baseline", "int8", "pruned_int8")
KEY = Column("variant", NAMES, left=True)


def lines(*columns: Column, width: int = 80, stack: bool = False) -> list[str]:
    return grid(KEY, columns, width, stack=stack).text.splitlines()


def test_equal_columns_are_said_once_and_empty_ones_not_at_all() -> None:
    columns = [
        Column("drop", ("+0.0000",) * 3, fold=True),
        Column("runs", ("3",) * 3),
        Column("scatter", ("-",) * 3),
        Column("zip", ("900 ", "90◀", "100 ")),
    ]
    assert lines(*columns) == [
        "the same in all rows: drop +0.0000",
        "variant      runs   zip",
        "baseline        3  900",
        "int8            3   90◀",
        "pruned_int8     3  100",
    ]


def test_one_row_keeps_its_columns() -> None:
    found = grid(Column("variant", ["int8"], left=True), [Column("drop", ["-"], fold=True)], 80).text
    assert found.splitlines() == ["variant  drop", "int8        -"]


def test_a_table_without_rows_is_its_heads() -> None:
    assert grid(Column("variant", []), [Column("drop", [])], 80).text == "variant  drop"


def test_the_ways_out_in_their_order() -> None:
    first = Column("first", ("1" * 10,) * 2 + ("2" * 10,))
    more = Column("more", ("3" * 10,) * 2 + ("4" * 10,), optional=True)
    words = Column("why", ("so it is", "because of that", ""), words=True)
    heads = {width: lines(first, more, words, width=width)[0].split() for width in (52, 50, 36, 24)}
    assert heads == {
        52: ["variant", "first", "more", "why"],
        50: ["variant", "first", "more", "why"],
        36: ["variant", "first", "more"],
        24: ["variant", "first"],
    }
    assert grid(KEY, [first, more, words], 24).left_out == ("more",)
    assert lines(first, more, words, width=36)[2] == "    why: so it is"
    assert grid(KEY, [first, more, words], 36).left_out == ()


def test_a_table_is_split_with_its_names_or_names_stand_alone() -> None:
    columns = [Column(f"c{i}", (str(i) * 9, str(i) * 9, "7")) for i in range(3)]
    split = lines(*columns, width=34)
    assert [line.split() for line in split if line.startswith("variant")] == [
        ["variant", "c0", "c1"],
        ["variant", "c2"],
    ]
    stacked = lines(*columns, width=34, stack=True)
    assert stacked[:4] == [
        "variant",
        "         c0         c1         c2",
        "baseline",
        "  000000000  111111111  222222222",
    ]


def test_rows_of_one_name_share_its_line() -> None:
    names = ("int8", "int8", "")
    found = grid(Column("benchmark", names, left=True), [Column("x", ("1" * 30, "2" * 30, "3" * 30))], 34, stack=True)
    assert [line for line in found.text.splitlines() if line == "int8"] == ["int8"]
    assert len(found.text.splitlines()) == 6


CELLS = st.text("abcµ→日0", max_size=30)


@given(st.data(), st.sampled_from([60, 80, 100]), st.booleans())
def test_nothing_is_wider_and_no_cell_is_lost(data: st.DataObject, width: int, stack: bool) -> None:
    names = data.draw(st.lists(st.text("abc_", min_size=1, max_size=100), min_size=1, max_size=5))
    columns = [
        Column(
            f"c{i}",
            data.draw(st.lists(CELLS, min_size=len(names), max_size=len(names))),
            **dict(zip(("left", "words", "fold", "optional"), data.draw(st.tuples(*[st.booleans()] * 4)), strict=True)),
        )
        for i in range(data.draw(st.integers(1, 6)))
    ]
    found = grid(Column("name", names, left=True), columns, width, stack=stack)
    assert too_wide(found.text, width) == []
    together = "".join(found.text.split())
    assert all(name in together for name in names)
    assert all(cell in together for c in columns if c.head not in found.left_out for cell in c.cells)


@pytest.mark.parametrize(("columns", "told"), [(60, True), (120, False)])
def test_a_column_that_has_no_room_is_told(columns: int, told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    rows = [("one", "a" * 30, "b" * 30), ("two", "c" * 30, "d" * 30)]
    text = rows_text(("name", "first", "second"), rows, optional=(2,), stack=False)
    assert ("no room for: second" in text) == told
    assert ("b" * 30 in text) == (not told)
