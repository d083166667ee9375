"""A headless Chromium for tests of what a page does and looks like; a test without one is skipped, with the reason."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
DESKTOP, PHONE = 1280, 390
"""Widths in pixels."""
SERIOUS = ("serious", "critical")


def start(home: Path) -> Iterator[Any]:
    """Yield a driver of a Chromium that keeps all it writes in `home`."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install selenium")
    browser = next((found for name in _NAMES if (found := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip(f"{'Chromium' if not browser else 'chromedriver'} is not on PATH: a page cannot be looked at")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={home}", "--window-size=1280,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    found.set_script_timeout(180)
    try:
        yield found
    finally:
        found.quit()


def look(driver: Any, *, width: int = DESKTOP, dark: bool = False, script: bool = True) -> None:
    """Set the width of the screen, the colours that the reader prefers, and whether scripts of pages run."""
    wishes = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
    media = [{"name": name, "value": value} for name, value in wishes.items()]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})


def draw_all(driver: Any) -> None:
    """Have each chart come into view, and wait until it is drawn."""
    left = driver.execute_async_script(
        """
        const done = arguments[arguments.length - 1];
        const frame = () => new Promise((next) => requestAnimationFrame(() => setTimeout(next, 0)));
        (async () => {
          for (const figure of document.querySelectorAll("[data-chart]")) {
            figure.scrollIntoView();
            for (let i = 0; i < 100 && !figure.dataset.drawn; i += 1) await frame();
          }
          await frame();
          scrollTo(0, 0);
          done([...document.querySelectorAll("[data-chart]:not([data-drawn])")].map((one) => one.dataset.chart));
        })();
        """
    )
    assert left == [], "charts that were never drawn"


def waited(driver: Any, holds: Callable[[], Any]) -> Any:
    """Return what `holds` does, as soon as it is true: a browser draws when it comes to it."""
    from selenium.webdriver.support.wait import WebDriverWait

    return WebDriverWait(driver, 60, poll_frequency=0.05).until(lambda _: holds())


def violations(driver: Any) -> list[str]:
    """Return what axe holds against the page as it is, of its grades serious and critical."""
    axe = pytest.importorskip("axe_selenium_python", reason="axe-selenium-python is not installed")
    found = axe.Axe(driver)
    found.inject()
    results = found.run()
    assert len(results["passes"]) > 10, "axe did not look at the page"
    return [
        f"{one['id']} ({one['impact']}): {node['target']}: {node['failureSummary']}"
        for one in results["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"][:3]
    ]
