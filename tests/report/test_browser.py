"""The page in a browser: no error, axes and sorting work, it is accessible, and names of a record stay text.

Needs Chromium with its driver (Debian: chromium, chromium-driver), and selenium and axe-selenium-python from `dev`.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from optkit.report.html import render_html
from tests.report.pages import full_run, page_of

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed; make setup brings it")
axe = pytest.importorskip("axe_selenium_python", reason="axe-selenium-python is not installed; make setup brings it")

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no Chromium here; apt-get install chromium chromium-driver brings it"
)
PHONE, DESKTOP = (390, 844), (1280, 900)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    path = folder / "report.html"
    path.write_text(render_html(page_of(full_run(6), full_run(3), store=folder / "store")), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    profile = tmp_path_factory.mktemp("profile")
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu", f"user-data-dir={profile}"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    yield driver
    driver.quit()


def opened(browser: Any, address: str, *, size: tuple[int, int] = DESKTOP, scheme: str = "light") -> Any:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(address)
    return browser


def draw_all(browser: Any) -> int:
    """Scroll through the page until every chart is drawn; return how many there are."""
    from selenium.webdriver.support.ui import WebDriverWait

    figures = browser.find_elements("css selector", "[data-chart]")
    for figure in figures:
        browser.execute_script("arguments[0].scrollIntoView({behavior: 'instant'})", figure)
        WebDriverWait(browser, 10).until(lambda _, one=figure: one.find_elements("css selector", ".main-svg"))
    return len(figures)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_it_opens_from_disk_without_an_error_and_fits(
    browser: Any, address: str, size: tuple[int, int], scheme: str
) -> None:
    """Catches an error of a script, a policy that refuses plotly, and a part that is wider than the screen."""
    opened(browser, address, size=size, scheme=scheme)
    assert draw_all(browser) >= 10
    assert [line for line in browser.get_log("browser") if line["level"] in ("SEVERE", "WARNING")] == []
    wide = browser.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    assert browser.title == "optkit: tiny", "no text of the record ran as a script"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_issue(browser: Any, address: str, scheme: str) -> None:
    opened(browser, address, scheme=scheme)
    draw_all(browser)
    tool = axe.Axe(browser)
    tool.inject()
    found = tool.run()
    worst = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    assert worst == [], tool.report(worst)
    assert len(found["passes"]) > 10


def test_other_axes_can_be_chosen(browser: Any, address: str) -> None:
    from selenium.webdriver.support.ui import Select

    opened(browser, address)
    draw_all(browser)
    figure = browser.find_element("css selector", "[data-chart='run1-front']")
    across, up, colour = figure.find_elements("css selector", "select")

    def titles() -> list[str]:
        return [one.get_attribute("textContent") for one in figure.find_elements("css selector", ".xtitle, .ytitle")]

    assert titles() == ["size, zipped (bytes), lower is better", "drop of accuracy, lower is better"]
    Select(across).select_by_visible_text("time of one sample, 2 threads")
    Select(up).select_by_visible_text("accuracy")
    assert titles() == ["time of one sample, 2 threads (s), lower is better", "accuracy, higher is better"]
    assert not figure.find_elements("css selector", ".colorbar")
    Select(colour).select_by_visible_text("size of the file")
    assert figure.find_elements("css selector", ".colorbar")
    shown = browser.execute_script("return arguments[0].querySelector('.plot').data.map((one) => one.x.length)", figure)
    assert shown[1] + shown[2] == 6


def test_a_table_is_sorted_by_any_column_by_mouse_and_by_keyboard(browser: Any, address: str) -> None:
    from selenium.webdriver.common.keys import Keys

    opened(browser, address)
    table = browser.find_element("css selector", "#run1-table table")
    heads = table.find_elements("css selector", "thead th")
    column = next(i for i, head in enumerate(heads) if head.text.startswith("zip bytes"))

    def figures() -> list[int]:
        cells = table.find_elements("css selector", f"tbody tr > :nth-child({column + 1})")
        return [int(cell.get_attribute("data-sort")) for cell in cells]

    before = figures()
    assert before == sorted(before, reverse=True)
    heads[column].find_element("css selector", "button").click()
    assert figures() == sorted(before)
    assert heads[column].get_attribute("aria-sort") == "ascending"
    heads[column].find_element("css selector", "button").send_keys(Keys.ENTER)
    assert figures() == sorted(before, reverse=True)
    heads[0].find_element("css selector", "button").click()
    names = [one.text for one in table.find_elements("css selector", "tbody th")]
    assert names == sorted(names)
    assert heads[column].get_attribute("aria-sort") is None


def test_without_javascript_the_front_and_the_tables_are_there(browser: Any, address: str) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        opened(browser, address, size=PHONE)
        assert browser.find_element("css selector", "#run1-front svg.optkit-front").is_displayed()
        assert browser.find_element("css selector", "#run1-table tbody th").is_displayed()
        assert not browser.find_element("css selector", "#run1-front .plot").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_it_prints(browser: Any, address: str, tmp_path: Path) -> None:
    import base64

    opened(browser, address)
    draw_all(browser)
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert printed.startswith(b"%PDF")
