"""The page in a browser: it works, asks for nothing, can be read by everybody, and runs nothing of a record."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optkit import Dataset, Run, read_run
from optkit.report.html import render_html
from optkit.report.notebook import run_html
from tests.isolation import ROOT
from tests.report import browser
from tests.report.browser import DESKTOP, PHONE, draw_all, look, violations, waited
from tests.report.pages import full_run, page_of

RUNS = ROOT / "docs" / "results" / "runs"
MARKED = "<b>b</b><a href='x:y'>"
"""Plotly takes this for markup where it is not escaped, and nothing else does."""


def full() -> Run:
    """Return a run of all that one may hold; the last layer of each file is called `MARKED`."""
    run = full_run(3, sessions=1)
    variants = {}
    for name, facts in run.variants.items():
        *rest, last = facts.weights.tensors
        tensors = (*rest, dataclasses.replace(last, layers=(MARKED,)))
        variants[name] = dataclasses.replace(facts, weights=dataclasses.replace(facts.weights, tensors=tensors))
    return dataclasses.replace(run, variants=variants)


FULL = full()


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from browser.start(tmp_path_factory.mktemp("chromium"))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a page with all that a run may hold, and with names that try to be markup."""
    pytest.importorskip("PIL")
    folder = tmp_path_factory.mktemp("page")
    x = np.random.default_rng(0).random((2000, 8, 8), np.float32)
    y = np.arange(2000) % 10
    data = Dataset(name="mnist", origin="a test", digest="d" * 64, classes=10, x_train=x, y_train=y, x_test=x, y_test=y)
    return written(folder / "page.html", render_html(page_of(FULL, store=folder / "store", dataset=data)))


def written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def opened(driver: Any, page: str) -> Any:
    look(driver)
    driver.get(page)
    return driver


def test_nothing_goes_wrong_and_no_request_leaves_the_page(driver: Any, page: str) -> None:
    """Catches an error in a script, a chart that is not drawn, and a script, font or map that is fetched."""
    look(driver)
    for kind in ("browser", "performance"):
        driver.get_log(kind)
    driver.get(page)
    draw_all(driver)
    driver.execute_async_script(
        """
        const done = arguments[arguments.length - 1];
        document.querySelectorAll("select").forEach((select) => {
          [...select.options].forEach((option) => {
            select.value = option.value;
            select.dispatchEvent(new Event("change"));
          });
        });
        setTimeout(done, 300);
        """
    )
    assert [entry["message"] for entry in driver.get_log("browser")] == []
    sent = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = {one["params"]["request"]["url"] for one in sent if one["method"] == "Network.requestWillBeSent"}
    assert {address for address in asked if not address.startswith(("data:", "blob:"))} == {page}
    empty = driver.execute_script(
        'return [...document.querySelectorAll(".plot")].filter((one) => !one.querySelector("svg.main-svg")'
        " || one.getBoundingClientRect().height < 200).map((one) => one.parentElement.dataset.chart)"
    )
    assert empty == []


def test_the_texts_of_a_record_run_nothing_and_add_no_element(opened: Any) -> None:
    """Catches markup in a name that becomes part of the page: in its texts, or in what plotly draws and shows."""
    draw_all(opened)
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    grid = opened.find_element(By.CSS_SELECTOR, "[data-chart$=zeros] .plot")
    opened.execute_script('arguments[0].scrollIntoView({block: "center"})', grid)
    ActionChains(opened, duration=50).move_to_element(grid).move_by_offset(3, 3).perform()
    told = waited(opened, lambda: grid.find_element(By.CSS_SELECTOR, ".hoverlayer").text)
    assert MARKED in told, "the name is shown as it is"
    ticks = [one.text for one in grid.find_elements(By.CSS_SELECTOR, ".xtick text")]
    assert MARKED in ticks
    assert opened.title == "optkit: tiny"
    foreign = 'main img:not([src^="data:image/png;base64,"]), main script, svg script, svg foreignObject'
    assert opened.execute_script(f"return document.querySelectorAll('{foreign}').length") == 0
    assert opened.execute_script("return document.body.textContent.includes('{{ 7*7 }}')")


def test_two_figures_are_the_axes_and_a_third_the_colour(opened: Any) -> None:
    draw_all(opened)
    before = front(opened)
    assert before["title"].startswith("size, zipped")
    choose(opened, 0, "single_sample/1")
    waited(opened, lambda: front(opened)["title"].startswith("time of one sample, 1 thread"))
    after = front(opened)
    wanted = {name: timing.seconds for name in FULL.variants if (timing := FULL.timing(name, "single_sample", 1))}
    assert sorted(after["x"]) == pytest.approx(sorted(wanted.values()))
    assert after["y"] == before["y"] or sorted(after["y"]) == sorted(before["y"])
    choose(opened, 2, "zip_bytes")
    assert waited(opened, lambda: front(opened)["scale"] is True)


def choose(driver: Any, place: int, value: str) -> None:
    """Choose as a reader does: by the event of the control itself."""
    driver.execute_script(
        """
        const [place, value] = arguments;
        const select = document.querySelectorAll("[data-chart$=front] select")[place];
        select.value = value;
        select.dispatchEvent(new Event("change"));
        """,
        place,
        value,
    )


def front(driver: Any) -> dict[str, Any]:
    found: dict[str, Any] = driver.execute_script(
        """
        const plot = document.querySelector("[data-chart$=front] .plot");
        const points = plot.data.slice(1);
        return {
          title: plot.querySelector(".xtitle").textContent,
          x: points.flatMap((one) => one.x),
          y: points.flatMap((one) => one.y),
          scale: points.some((one) => one.marker.showscale === true),
        };
        """
    )
    return found


def test_a_table_is_sorted_by_a_click_and_by_the_keyboard(opened: Any) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    table = opened.find_element(By.CSS_SELECTOR, "#run1-table table")
    heads = [head.text.split(" ↕")[0] for head in table.find_elements(By.CSS_SELECTOR, "thead th")]
    column = heads.index("zip bytes")
    button = table.find_elements(By.CSS_SELECTOR, "thead th")[column].find_element(By.TAG_NAME, "button")

    def sizes() -> list[float]:
        rows = "return [...arguments[0].tBodies[0].rows].map((row) => Number(row.cells[arguments[1]].dataset.sort))"
        found: list[float] = opened.execute_script(rows, table, column)
        return found

    before = sizes()
    opened.execute_script('arguments[0].scrollIntoView({block: "center", inline: "center"})', button)
    button.click()
    assert sizes() == sorted(before)
    button.send_keys(Keys.ENTER)
    assert sizes() == sorted(before, reverse=True) != sorted(before)
    states = opened.execute_script("return [...arguments[0].tHead.rows[0].cells].map((one) => one.ariaSort)", table)
    assert [state for state in states if state] == ["descending"]


@pytest.mark.parametrize(("width", "dark"), [(DESKTOP, False), (PHONE, True)])
def test_axe_finds_nothing_serious(driver: Any, page: str, width: int, dark: bool) -> None:
    look(driver, width=width, dark=dark)
    driver.get(page)
    draw_all(driver)
    driver.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    assert violations(driver) == []


def test_a_change_of_colours_is_followed(opened: Any) -> None:
    draw_all(opened)
    back = 'return document.querySelector(".plot").layout.paper_bgcolor'
    light = opened.execute_script(back)
    look(opened, dark=True)
    assert waited(opened, lambda: opened.execute_script(back) != light)


@pytest.mark.parametrize(
    ("width", "name", "front"),
    [
        (DESKTOP, "mnist", ("pruned_qat_tflite", "qat_tflite")),
        (PHONE, "mnist", ("pruned_qat_tflite", "qat_tflite")),
        (PHONE, "resnet_v2_101", ()),
    ],
)
def test_nothing_is_cut_off_and_no_name_covers_another(
    driver: Any, tmp_path: Path, width: int, name: str, front: tuple[str, ...]
) -> None:
    """Catches a page wider than the screen, a title of an axis beyond its picture, and names that overlap."""
    run = read_run(RUNS / f"{name}.json")
    address = written(tmp_path / "page.html", render_html(page_of(run, store=tmp_path / "store")))
    look(driver, width=width)
    driver.get(address)
    draw_all(driver)
    assert driver.execute_script("return document.scrollingElement.scrollWidth") <= width
    cut = driver.execute_script(
        """
        const cut = [];
        document.querySelectorAll(".plot").forEach((plot) => {
          const all = plot.getBoundingClientRect();
          plot.querySelectorAll(".xtitle, .ytitle, .xtick text, .ytick text, .legendtext").forEach((text) => {
            const box = text.getBoundingClientRect();
            const inside = box.left >= all.left - 2 && box.right <= all.right + 2 && box.top >= all.top - 2;
            if (!inside || box.bottom > all.bottom + 2) cut.push(text.textContent);
          });
        });
        return cut;
        """
    )
    assert cut == []
    named = """
        const texts = document.querySelectorAll("[data-chart$=front] .plot .textpoint text");
        return [...texts].filter((one) => one.textContent).map((text) => {
          const box = text.getBoundingClientRect();
          return [text.textContent, box.left, box.top, box.right, box.bottom];
        });
        """
    boxes = waited(driver, lambda: driver.execute_script(named))
    assert len(boxes) >= 4, "most of the files are named"
    assert set(front) <= {box[0] for box in boxes}, "those of the front are"
    for i, (one, left, top, right, bottom) in enumerate(boxes):
        for other, a, b, c, d in boxes[i + 1 :]:
            assert right <= a + 2 or left >= c - 2 or bottom <= b + 2 or top >= d - 2, (one, other)


def test_without_javascript_the_tables_and_a_picture_are_there(driver: Any, page: str) -> None:
    look(driver, script=False)
    try:
        driver.get(page)
        found = driver.execute_script(
            """
            const seen = (one) => one.getClientRects().length > 0;
            return {
              tables: [...document.querySelectorAll("table")].filter((one) => one.rows.length < 2).length,
              picture: seen(document.querySelector("#run1-front .instead svg")),
              plots: [...document.querySelectorAll(".plot")].filter(seen).length,
              buttons: document.querySelectorAll("button, select").length,
            };
            """
        )
    finally:
        look(driver)
    assert found == {"tables": 0, "picture": True, "plots": 0, "buttons": 0}


def test_on_paper_every_chart_is_drawn_dark_on_white(driver: Any, page: str) -> None:
    look(driver, dark=True)
    driver.get(page)
    driver.execute_script('dispatchEvent(new Event("beforeprint"))')
    found = driver.execute_script(
        "return [...document.querySelectorAll('.plot')].map((one) => one.layout && one.layout.paper_bgcolor)"
    )
    driver.execute_script('dispatchEvent(new Event("afterprint"))')
    assert len(found) >= 5
    assert set(found) == {"#fff"}


def test_a_run_in_a_notebook_can_be_read_in_light_and_dark(driver: Any, tmp_path: Path) -> None:
    """Catches a front whose texts have the colour of the page behind it."""
    shown = run_html(read_run(RUNS / "mnist.json"))
    style = '<meta name="color-scheme" content="light dark"><style>:root{color-scheme:light dark}</style>'
    text = f'<!doctype html><html lang="en"><title>cell</title>{style}<main><h1>cell</h1>{shown}</main></html>'
    address = written(tmp_path / "cell.html", text)
    for dark in (False, True):
        look(driver, dark=dark)
        driver.get(address)
        assert violations(driver) == []
