"""The front as a picture: well-formed, escaped, every point in it, and no label on another."""

import math
import re
import xml.etree.ElementTree as ET
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optkit.report.axes import number, scale_of
from optkit.report.front import Axis, Point, front_svg, on_front
from optkit.report.places import FONT_SIZE, Box, text_width

SVG = "{http://www.w3.org/2000/svg}"
SIZE, ACCURACY = Axis("zipped size", unit="bytes"), Axis("accuracy", better="higher")
FIVE = [
    Point("float32", 76_917, 0.9784, 0.975, 0.981),
    Point("float16", 39_000, 0.9784),
    Point("int8", 18_712, 0.9782),
    Point("pruned_int8", 7_796, 0.9770, 0.973, 0.98),
    Point("bad", 20_000, 0.95),
]


def drawn(points: list[Point], x: Axis = SIZE, y: Axis = ACCURACY, **more: int) -> ET.Element:
    return ET.fromstring(front_svg(points, x=x, y=y, title="a <title> & more", **more))


def texts(svg: ET.Element) -> list[str]:
    return ["".join(one.itertext()) for one in svg.iter(f"{SVG}text")]


def boxes(svg: ET.Element, names: list[str]) -> list[Box]:
    """The boxes of the labels in `names`, as wide as their texts may be."""
    found = []
    for one in svg.iter(f"{SVG}text"):
        if one.text in names:
            width, x, y = text_width(one.text), float(one.attrib["x"]), float(one.attrib["y"])
            left = {"start": x, "middle": x - width / 2, "end": x - width}[one.attrib["text-anchor"]]
            found.append(Box(left, y - 0.8 * FONT_SIZE, left + width, y + 0.2 * FONT_SIZE))
    return found


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        ("lower", "higher", ["float16", "int8", "pruned_int8"]),
        ("lower", "lower", ["pruned_int8", "bad"]),
        ("higher", "higher", ["float32"]),
        ("higher", "lower", ["float32", "bad"]),
    ],
)
def test_the_front_by_direction(x: str, y: str, expected: list[str]) -> None:
    found = on_front(FIVE, Axis("x", better=x), Axis("y", better=y))  # type: ignore[arg-type]
    assert {FIVE[i].name for i in found} == set(expected)


def test_equal_points_are_both_on_the_front() -> None:
    assert on_front([Point("a", 1, 1), Point("b", 1, 1), Point("c", 1, 0)], SIZE, ACCURACY) == [0, 1]


def test_what_is_in_the_picture() -> None:
    svg = drawn(FIVE)
    assert {one.name for one in FIVE} <= set(texts(svg))
    assert svg.attrib["role"] == "img"
    ids = {one.attrib["id"] for one in svg if "id" in one.attrib}
    assert set(svg.attrib["aria-labelledby"].split()) == ids
    title, about = svg.find(f"{SVG}title"), svg.find(f"{SVG}desc")
    assert title is not None
    assert title.text == "a <title> & more"
    assert about is not None
    assert about.text
    assert "pruned_int8: zipped size 7,796 bytes, accuracy 0.977 (0.973 to 0.98)" in about.text
    assert "Not on the front: bad:" in about.text
    marks = [one for one in svg.iter(f"{SVG}g") if one.find(f"{SVG}circle") is not None]
    filled = [
        (one.findtext(f"{SVG}title") or "").split(":")[0]
        for one in marks
        if (circle := one.find(f"{SVG}circle")) is not None and circle.get("fill") != "none"
    ]
    assert set(filled) == {"float16", "int8", "pruned_int8"}, "shapes tell, not colours alone"
    colours = set(re.findall(r"#[0-9a-f]{6}", front_svg(FIVE, x=SIZE, y=ACCURACY, title="")))
    assert colours == {"#0a7cc4", "#808080", "#1f2328", "#e6edf3"}


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.1 (relative luminance of sRGB)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("page", ["#ffffff", "#0d1117", "#111111"])
def test_marks_stand_out_on_light_and_dark_pages(page: str) -> None:
    for colour in ("#0a7cc4", "#808080"):
        assert contrast(colour, page) >= 3, "what WCAG asks of graphics"


def test_equal_pictures_are_equal_texts_and_others_have_other_ids() -> None:
    one, same = (front_svg(FIVE, x=SIZE, y=ACCURACY, title="t") for _ in range(2))
    assert one == same
    other = front_svg(FIVE[:2], x=SIZE, y=ACCURACY, title="t")
    assert not set(re.findall(r'id="([^"]+)"', one)) & set(re.findall(r'id="([^"]+)"', other))


def test_names_from_outside_are_text() -> None:
    name = "<script>alert('1')</script>&\"\x1b[31m"
    text = front_svg([Point(name, 1, 1)], x=Axis("<b>"), y=Axis("&"), title=name)
    assert "<script" not in text
    assert "\x1b" not in text
    ET.fromstring(text)


NAMES = st.text("abcdefgh_0123456789", min_size=1, max_size=40)
POINTS = st.lists(
    st.tuples(NAMES, st.floats(1, 1e6), st.floats(-10, 10)), min_size=1, max_size=40, unique_by=lambda one: one[0]
)


@given(POINTS, st.booleans())
def test_labels_keep_clear_of_each_other_and_inside(found: list[tuple[str, float, float]], log: bool) -> None:
    points = [Point(f"n_{name}", x, y) for name, x, y in found]
    svg = drawn(points, Axis("x", log=log), ACCURACY)
    shown = texts(svg)
    labels = [text for text in shown if text.startswith("n_")]
    keyed = [text for text in shown if re.match(r"\d+ n_", text)]
    for point in points:
        short = point.name if len(point.name) <= 30 else f"{point.name[:15]}"
        assert any(label.startswith(short) for label in labels) or any(point.name in line for line in keyed), point
    for one, other in combinations(boxes(svg, labels), 2):
        assert not one.meets(other)
    width, height = (float(svg.attrib[name]) for name in ("width", "height"))
    for box in boxes(svg, labels):
        assert 0 <= box.left
        assert box.right <= width
        assert 0 <= box.top
        assert box.bottom <= height


def test_the_width_of_a_text_is_not_taken_too_small() -> None:
    """Against the widths of a real sans-serif font."""
    font = pytest.importorskip("PIL.ImageFont").load_default(size=120)
    for text in ("baseline", "pruned_dynamic_range", "quantize_aware_int8", "float32", "mobilenet_v1_0.25_224"):
        assert font.getlength(text) / 10 <= text_width(text, 12) <= 1.6 * font.getlength(text) / 10


def test_forty_points_in_one_place_are_all_told() -> None:
    points = [Point(f"variant_with_a_long_name_{i}", 1000, 0.5) for i in range(40)]
    svg = drawn(points)
    shown = " ".join(texts(svg))
    for point in points:
        assert point.name in shown
    assert float(svg.attrib["height"]) > 440


@pytest.mark.parametrize(
    ("points", "x", "message"),
    [
        ([], SIZE, "no point"),
        ([Point("a", math.nan, 1)], SIZE, "expected finite"),
        ([Point("a", 1, 1, 0, math.inf)], SIZE, "expected finite"),
        ([Point("a", 0, 1)], Axis("x", log=True), "expected more than 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(points: list[Point], x: Axis, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        front_svg(points, x=x, y=ACCURACY, title="")


@given(st.lists(st.floats(1e-12, 1e12), min_size=1, max_size=20), st.booleans())
def test_a_scale_holds_its_figures_and_has_ticks(figures: list[float], log: bool) -> None:
    scale = scale_of(figures, log=log, start=0, end=100)
    assert all(-1e-6 <= scale(figure) <= 100 + 1e-6 for figure in figures)
    assert 1 <= len(scale.ticks) <= 14
    places = [tick.at for tick in scale.ticks]
    assert places == sorted(places)
    assert len({tick.text for tick in scale.ticks}) == len(scale.ticks)
    assert all(-1e-6 <= place <= 100 + 1e-6 for place in places)


@pytest.mark.parametrize(
    ("low", "high", "log", "expected"),
    [
        (0.95, 0.98, False, ["0.95", "0.96", "0.97", "0.98"]),
        (8_000, 80_000, True, ["10,000", "20,000", "50,000"]),
        (1_000, 1_000_000, True, ["1,000", "10,000", "100,000", "1,000,000"]),
    ],
)
def test_ticks_are_round_figures(low: float, high: float, log: bool, expected: list[str]) -> None:
    assert [tick.text for tick in scale_of([low, high], log=log, start=0, end=1).ticks] == expected


def test_figures_as_texts() -> None:
    assert [number(one) for one in (76_917, 0.97841, 1e-7, 0.0)] == ["76,917", "0.9784", "1e-07", "0"]
