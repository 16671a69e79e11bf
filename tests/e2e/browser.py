"""Chromium without a window, as a test sees a page with it: what it shows, asks for and complains about."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)
_TALLEST = 16_000


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """`profile`: an empty folder of its own."""
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("there is no Chromium with its driver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in (*_ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    made = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield Browser(made)
    finally:
        made.quit()


class Browser:
    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        self._path: Path | None = None
        self._cdp("Performance.enable", timeDomain="threadTicks")

    def show(self, path: Path, *, width: int = 1280, dark: bool = False, scripts: bool = True) -> None:
        """Load a file as a fresh visitor would, and wait until its charts are drawn."""
        self._path = path
        self._cdp("Emulation.setScriptExecutionDisabled", value=not scripts)
        self._cdp(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        self.media(dark=dark)
        self.driver.get("about:blank")
        for kind in ("browser", "performance"):
            self._log(kind)
        self.driver.get(path.as_uri())
        if scripts:
            self.run("localStorage.clear()")
            self.driver.get(path.as_uri())
            self.wait_for_frame()

    def media(self, *, dark: bool = False, kind: str = "screen") -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._cdp("Emulation.setEmulatedMedia", media=kind, features=[scheme])

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait_for_frame(self) -> None:
        """Until what was asked for has been drawn."""
        self.driver.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))"
        )

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element("css selector", selector)

    def all(self, selector: str) -> list[WebElement]:
        found: list[WebElement] = self.driver.find_elements("css selector", selector)
        return found

    def press(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()
        self.wait_for_frame()

    def drag(self, element: WebElement, start: float, end: float) -> None:
        """Across an element, from one share of its width to another."""
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        size = element.size
        x = [round((share - 0.5) * size["width"]) for share in (start, end)]
        chain = ActionChains(self.driver, duration=50)
        chain.move_to_element_with_offset(element, x[0], 0).click_and_hold()
        chain.move_to_element_with_offset(element, x[1], 0).release().perform()
        self.wait_for_frame()

    def hover(self, element: WebElement, share: float) -> None:
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        x = round((share - 0.5) * element.size["width"])
        ActionChains(self.driver, duration=50).move_to_element_with_offset(element, x, 0).perform()
        self.wait_for_frame()

    def complaints(self) -> list[str]:
        """What the console says, the content security policy's words included."""
        return [str(entry["message"]) for entry in self._log("browser")]

    def requests(self) -> list[str]:
        """Addresses that were asked for since the page was shown, but for its own."""
        messages = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        asked = [
            m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in asked if self._path is None or url != self._path.as_uri()]

    def busy_s(self) -> float:
        """CPU time that the page's thread took for all it did."""
        metrics = self._cdp("Performance.getMetrics")["metrics"]
        return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))

    def barriers(self) -> list[str]:
        """What axe, the accessibility checker, finds: the rule, what it asks for, and where."""
        self.driver.execute_script(
            files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
        )
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run().then((found) => done(found.violations))"
        )
        return [f"{v['id']}: {v['help']}: {n['target']} {n['html'][:120]}" for v in found for n in v["nodes"]]

    def picture(self, path: Path) -> None:
        """The whole page as PNG."""
        width, height = self.run("return [innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": min(height, _TALLEST), "scale": 1}
        shot = self._cdp("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _log(self, kind: str) -> list[dict[str, Any]]:
        """What was said since it was last asked for."""
        found: list[dict[str, Any]] = self.driver.get_log(kind)
        return found

    def _cdp(self, command: str, **parameters: object) -> dict[str, Any]:
        found: dict[str, Any] = self.driver.execute_cdp_cmd(command, parameters)
        return found


__all__ = ["Browser", "Keys", "chromium"]
