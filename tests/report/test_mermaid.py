"""The front as a Mermaid diagram: what its grammar reads, and no text of a run that it could read as more."""

import re

import pytest

from optkit.report.front import Axis, Point
from optkit.report.mermaid import front_mermaid

SIZE = Axis("size, zipped", log=True, unit="bytes")
DROP = Axis("drop")
POINTS = [Point("float32", 77_000, 0.0), Point("int8", 18_712, 0.0002), Point("pruned_int8", 7_796, 0.0014)]
POINT = re.compile(r'"([^"\n]+)": \[(0\.\d+), (0\.\d+)\] radius: (\d), color: #[0-9a-f]{6}')
"""A line of a point, by mermaid.js.org/syntax/quadrantChart.html: a place is between 0 and 1, and never 1.0."""


def drawn(points: list[Point], x: Axis = SIZE, y: Axis = DROP, title: str = "mnist") -> tuple[list[str], list[str]]:
    """Return the lines of the diagram before its points, and those of its points."""
    text = front_mermaid(points, x=x, y=y, title=title)
    (block,) = re.findall(r"^```mermaid\n(.*?)\n```$", text, re.M | re.S)
    lines = block.split("\n")
    return lines[: -len(points)], lines[-len(points) :]


def test_every_point_has_its_place_and_those_on_the_front_are_larger() -> None:
    """Catches an axis that is turned round, and a front that cannot be told from the others."""
    head, points = drawn([*POINTS, Point("bad", 70_000, 0.002)])
    assert head[1:] == [
        "quadrantChart",
        "title mnist",
        'x-axis "size, zipped: 7,796 bytes" --> "77,000 bytes"',
        'y-axis "drop: 0" --> "0.002"',
        "quadrant-3 better in both",
    ]
    found = {match[1]: match for match in map(POINT.fullmatch, points) if match}
    assert {name: match[4] for name, match in found.items()} == {
        "float32": "6",
        "int8": "6",
        "pruned_int8": "6",
        "bad": "4",
    }
    across = {name: float(match[2]) for name, match in found.items()}
    upwards = {name: float(match[3]) for name, match in found.items()}
    assert sorted(across, key=across.__getitem__) == ["pruned_int8", "int8", "bad", "float32"]
    assert sorted(upwards, key=upwards.__getitem__) == ["float32", "int8", "pruned_int8", "bad"]


@pytest.mark.parametrize(("better", "corner"), [("lower", 3), ("higher", 2)])
def test_the_corner_that_is_better_in_both(better: str, corner: int) -> None:
    head, _ = drawn(POINTS, y=Axis("y", better=better))  # type: ignore[arg-type]
    assert head[-1] == f"quadrant-{corner} better in both"


def test_names_that_would_cover_each_other_are_told_below() -> None:
    """Catches names that nobody can read, and files that are in no picture."""
    points = [
        Point("a_rather_long_name", 10_000, 0.001),
        Point("far", 90_000, 0),
        Point("another_long_name", 10_100, 0.001),
    ]
    _, lines = drawn(points)
    assert [match and match[1] for match in map(POINT.fullmatch, lines)] == ["a_rather_long_name", "far", " "]
    assert front_mermaid(points, x=SIZE, y=DROP, title="t").endswith("Points without a name: `another_long_name`")


@pytest.mark.parametrize(
    "evil",
    [
        'a"]: [0.5, 0.5]',
        "a\n```\n# heading",
        "%%{init: {'theme': 'dark'}}%%",
        "<img src=x onerror=alert(1)>",
        "a --> b",
        "`**markdown**`",
        "#quot; & #35;",
        "a; click a href x",
        "```",
    ],
)
def test_no_text_of_a_run_is_read_as_more_than_a_text(evil: str) -> None:
    """Catches a name from a suite file that ends the block, adds a point or changes how the diagram is drawn."""
    head, points = drawn([Point(evil, 10_000, 0.001), POINTS[0]], Axis(evil), Axis("y", unit=evil), title=evil)
    assert len(head) == 6
    assert all(map(POINT.fullmatch, points))
    texts = [head[2].removeprefix("title "), *re.findall('"([^"]*)"', "\n".join([*head[3:], *points]))]
    assert not re.search('["`#%&;<>{}*]|--', "".join(texts))


def test_one_point_and_no_point() -> None:
    head, points = drawn(POINTS[:1])
    assert head[3] == 'x-axis "size, zipped: 77,000 bytes"'
    assert POINT.fullmatch(points[0])
    with pytest.raises(ValueError, match="no point"):
        front_mermaid([], x=SIZE, y=DROP, title="t")
