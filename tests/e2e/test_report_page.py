"""The HTML report in a browser: nothing leaves it, nothing breaks in it, and everybody can use it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadctl.analysis.judgement import judge
from loadctl.errors import UsageError
from loadctl.reports.html.page import assets, page
from loadctl.results.charts import charts
from tests.e2e.browser import Browser, Keys, chromium
from tests.e2e.pages import FACTS, PAGES, endurance_load
from tests.reports.drawn import PROVENANCE, endurance
from tests.results.recorded import scenario

pytestmark = pytest.mark.e2e

ARTIFACTS = Path(__file__).parents[2] / "artifacts" / "report"
"""Pictures for people to look at; not in git."""
SCALES = "return uPlot.sync('run').plots.map((plot) => [plot.scales.x.min, plot.scales.x.max])"
CURSORS = "return uPlot.sync('run').plots.map((plot) => plot.cursor.idx)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as made:
        yield made


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By name, each a file."""
    try:
        assets()
    except UsageError as error:
        pytest.skip(f"{error}: {error.hint}")
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for name, made in PAGES.items():
        found[name] = folder / f"{name}.html"
        found[name].write_text(made(), encoding="utf-8")
    return found


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_quiet_and_fits_in_light_and_dark_on_a_desk_and_in_a_hand(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    for width in (1280, 390):
        for dark in (False, True):
            browser.show(pages[name], width=width, dark=dark)
            assert browser.requests() == []
            assert browser.complaints() == []
            assert browser.run("return document.documentElement.scrollWidth") <= width
            ink = browser.run("return getComputedStyle(document.body).color")
            assert ink == ("rgb(228, 232, 237)" if dark else "rgb(26, 31, 38)")
            browser.picture(ARTIFACTS / f"{name}-{width}-{'dark' if dark else 'light'}.png")


def test_hostile_text_is_shown_and_does_nothing(browser: Browser, pages: dict[str, Path]) -> None:
    browser.show(pages["bad"])
    assert "GET /</script><b onclick=alert(1)>[31m/xxx" in browser.find("#endpoints table").text
    assert browser.all("[onclick], main b[onclick], main script") == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["good", "bad", "empty"])
def test_no_barrier_for_anybody(browser: Browser, pages: dict[str, Path], name: str, dark: bool) -> None:
    """axe with all its rules, contrast and labels included; folded parts too."""
    browser.show(pages[name], dark=dark)
    browser.run("for (const fold of document.querySelectorAll('details')) fold.open = true")
    browser.wait_for_frame()
    assert browser.barriers() == []


def test_a_drag_zooms_all_charts_and_a_button_shows_all_again(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.show(pages["good"])
    whole = browser.run(SCALES)
    assert len(whole) >= 8
    assert {tuple(scale) for scale in whole} == {(0, 600)}
    assert not browser.find("#all").is_enabled()
    browser.drag(browser.find("#panel-throughput .u-over"), 0.25, 0.5)
    zoomed = browser.run(SCALES)
    assert {tuple(scale) for scale in zoomed} == {tuple(zoomed[0])}
    assert zoomed[0] == pytest.approx([150, 300], abs=5)
    browser.find("#all").click()
    browser.wait_for_frame()
    assert browser.run(SCALES) == whole


def test_one_cursor_goes_through_all_charts(browser: Browser, pages: dict[str, Path]) -> None:
    browser.show(pages["good"])
    browser.hover(browser.find("#panel-latency .u-over"), 0.5)
    assert set(browser.run(CURSORS)) <= set(range(295, 306))
    assert len(set(browser.run(CURSORS))) == 1
    assert browser.find("#at").text.startswith(("4:5", "5:0"))
    assert "50 users" in browser.find("#at").text
    readings = [element.text for element in browser.all("#panel-latency .value")]
    assert readings[0].endswith(" ms")
    assert browser.find("#panel-throughput .value").text == "100/s"


def test_charts_are_read_and_zoomed_with_the_keyboard(browser: Browser, pages: dict[str, Path]) -> None:
    browser.show(pages["good"])
    browser.run("document.querySelector('#panel-throughput .live').focus()")
    browser.press(Keys.END)
    browser.press(Keys.ARROW_LEFT)
    said = browser.find("#at").text
    assert said.startswith("9:4")
    assert "succeeded 100/s" in said
    browser.press("+")
    (low, high) = browser.run(SCALES)[0]
    assert 250 < high - low < 350
    assert {tuple(scale) for scale in browser.run(SCALES)} == {(low, high)}
    browser.press("0")
    assert browser.run(SCALES)[0] == [0, 600]


def test_everything_that_acts_can_be_reached_with_the_tab_key(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.show(pages["good"])
    browser.press(Keys.TAB)
    assert browser.run("return document.activeElement.className") == "skip"
    browser.press(Keys.ENTER)
    assert browser.run("return document.activeElement.id") == "verdict"
    seen = set()
    for _ in range(80):
        browser.press(Keys.TAB)
        seen.add(browser.run("const e = document.activeElement; return e.tagName + '.' + e.className"))
    assert {"DIV.live", "DIV.scroll", "BUTTON.", "SUMMARY."} <= seen


def test_endpoints_are_sorted_by_any_column(browser: Browser, pages: dict[str, Path]) -> None:
    def order() -> list[str]:
        return [element.text for element in browser.all("#endpoints tbody th")]

    browser.show(pages["good"])
    p95 = browser.find("#endpoints thead th:nth-child(6)")
    p95.find_element("css selector", "button").click()
    assert p95.get_attribute("aria-sort") == "descending"
    assert order() == ["GET /health", "GET /models/{id}", "GET /models", "POST /predict"]
    p95.find_element("css selector", "button").click()
    assert p95.get_attribute("aria-sort") == "ascending"
    assert order() == ["POST /predict", "GET /models", "GET /models/{id}", "GET /health"]
    browser.find("#endpoints thead th:first-child button").click()
    assert order() == sorted(order())
    assert p95.get_attribute("aria-sort") is None
    assert browser.find("#endpoints tfoot th").text == "total"


def test_a_table_that_is_wider_than_a_hand_says_so(browser: Browser, pages: dict[str, Path]) -> None:
    browser.show(pages["good"], width=390)
    table = "const box = document.querySelector('#endpoints .scroll')"
    assert browser.run(f"{table}; return box.scrollWidth > box.clientWidth")
    assert "swipe" in browser.run(f"{table}; return getComputedStyle(box, '::before').content")
    browser.run(f"{table}; box.scrollLeft = 200")
    assert browser.run(f"{table}; return box.querySelector('tbody th').getBoundingClientRect().left") >= 0
    browser.show(pages["good"])
    assert browser.run(f"{table}; return getComputedStyle(box, '::before').content") == "none"


def test_what_is_folded_is_drawn_when_it_is_opened(browser: Browser, pages: dict[str, Path]) -> None:
    browser.show(pages["good"])
    before = len(browser.run(SCALES))
    browser.find("#more summary").click()
    browser.wait_for_frame()
    assert len(browser.run(SCALES)) == before + 1
    assert browser.find("#more canvas").is_displayed()
    shape = browser.all("details.shape")[1]
    assert not shape.find_element("css selector", "svg").is_displayed()
    shape.find_element("css selector", "summary").click()
    assert shape.find_element("css selector", "svg").is_displayed()


def test_the_theme_is_chosen_and_remembered(browser: Browser, pages: dict[str, Path]) -> None:
    def paper() -> str:
        return str(browser.run("return getComputedStyle(document.body).backgroundColor"))

    browser.show(pages["good"])
    light = paper()
    browser.find("#theme").click()
    dark = paper()
    assert (light, dark) == ("rgb(255, 255, 255)", "rgb(15, 19, 24)")
    assert browser.find("#theme").text == "Light"
    browser.driver.refresh()
    assert paper() == dark
    browser.find("#theme").click()
    assert paper() == light


def test_a_line_can_be_hidden(browser: Browser, pages: dict[str, Path]) -> None:
    browser.show(pages["good"])
    shown = "return uPlot.sync('run').plots.find((p) => p.root.closest('#panel-latency')).series[1].show"
    button = browser.find("#panel-latency .legend button")
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert browser.run(shown) is False


def test_without_scripts_the_pictures_tell_the_same(browser: Browser, pages: dict[str, Path]) -> None:
    """As in a mail, or behind the content security policy of a CI server."""
    browser.show(pages["good"], scripts=False)
    assert browser.find("#panel-latency .svg-chart svg").is_displayed()
    assert not browser.find("#panel-latency .live").is_displayed()
    assert not browser.find("#theme").is_displayed()
    assert browser.find("#panel-heat .svg-chart svg").is_displayed()
    browser.picture(ARTIFACTS / "good-without-scripts.png")


def test_paper_shows_the_pictures_and_what_was_folded(browser: Browser, pages: dict[str, Path]) -> None:
    browser.show(pages["bad"], dark=True)
    browser.media(dark=True, kind="print")
    browser.run("dispatchEvent(new Event('beforeprint'))")
    try:
        assert browser.find("#panel-latency .svg-chart svg").is_displayed()
        assert not browser.find("#panel-latency .live").is_displayed()
        assert not browser.find(".bar").is_displayed()
        assert browser.run("return document.querySelectorAll('details:not([open])').length") == 0
        assert browser.run("return getComputedStyle(document.body).color") == "rgb(26, 31, 38)"
        browser.picture(ARTIFACTS / "bad-printed.png")
    finally:
        browser.run("dispatchEvent(new Event('afterprint'))")
        browser.media()
    assert browser.run("return document.querySelectorAll('details:not([open])').length") > 0


def test_four_hours_of_twenty_endpoints_are_small_made_soon_and_usable_at_once(
    browser: Browser, pages: dict[str, Path]
) -> None:
    """In CPU time, which a busy machine does not stretch; from the recording in memory."""
    planned, made = endurance_load(), endurance(600, 14_100)
    result = judge(scenario(planned), made, FACTS)
    began = time.process_time()
    html = page(result, charts(planned, made, result.window, result.ended_s), PROVENANCE)
    assert time.process_time() - began <= 3
    assert len(html.encode()) <= 2_000_000
    browser.show(pages["long"])
    assert browser.busy_s() <= 1
