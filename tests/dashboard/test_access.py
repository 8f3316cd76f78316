"""Who uses the keyboard, a screen reader, a phone or a wall gets all of the page; colours are never the only sign."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from dashboard.browser import PHONE, WIDE, Browser, a_page, show
from dashboard.conftest import showcase_map
from live.pipelines import Live

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]
REPOSITORY = Path(__file__).parents[2]
AXE = REPOSITORY / "web" / "node_modules" / "axe-core" / "axe.min.js"
WALL = (3840, 2160)
GRAVE = ("serious", "critical")


@pytest.fixture(scope="module")
def failed(showcase: Live) -> str:
    """A run with failures that has ended, and another one after it that has none; returns the id of the first."""
    showcase.set(fail_every=5)
    run = showcase.arm(showcase_map(12))
    showcase.finished()
    showcase.set(fail_every=0)
    showcase.arm(showcase_map(12))
    showcase.finished()
    return run


@pytest.fixture
def page(browser: Browser, showcase: Live, failed: str) -> Iterator[Page]:
    with a_page(browser, showcase.placement.controller_url) as one:
        expect(one.locator("#processes tbody tr")).not_to_have_count(0)
        yield one


def views(failed: str) -> dict[str, tuple[str, str]]:
    """Of each view an address, and what is there once it is shown."""
    return {
        "now": ("", "#streams tbody tr"),
        "image": ("results?path=map", "#plot canvas"),
        "curves": ("results?path=spectrum", "#plot .u-over"),
        "table": ("results?path=peaks", "#plot tbody tr"),
        "group": ("results?path=about", "#plot dl"),
        "parameters": ("parameters", "#parameters [data-parameter]"),
        "runs": (f"runs?show={failed}", "#runs tr.more dl"),
        "weave": ("weave?event=3", ".weave-story li"),
        "errors": (f"errors?run={failed}", "#failures summary"),
        "log": ("log", ".log li"),
        "raw": ("debug", "main p"),
    }


def wrong(page: Page) -> list[str]:
    """What axe calls serious or critical."""
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes']][:3]}"
        for one in found["violations"]
        if one["impact"] in GRAVE
    ]


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["desk, light", "phone, dark"])
def test_axe_finds_nothing_serious_in_any_view(
    browser: Browser, showcase: Live, failed: str, size: tuple[int, int]
) -> None:
    if not AXE.is_file():
        pytest.skip("needs axe-core; run: make web-check")
    with a_page(browser, showcase.placement.controller_url, size, dark=size == PHONE) as page:
        page.evaluate(AXE.read_text())
        found = {}
        for name, (address, there) in views(failed).items():
            page.evaluate("hash => location.hash = hash", address)
            expect(page.locator(there).first).to_be_visible()
            if name == "errors":
                page.locator("#failures summary").first.click()
            found[name] = wrong(page)
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_the_keys_lead_to_every_view_and_are_listed(page: Page, pictures: Path) -> None:
    titles = page.locator("nav a").all_inner_texts()
    assert len(titles) == 9
    for key, title in enumerate(titles, 1):
        page.keyboard.press(str(key))
        expect(page.locator("nav a[aria-current]")).to_have_text(title)
        expect(page).to_have_title(f"{title} · Beamloom")
    page.keyboard.press("?")
    listed = page.get_by_role("dialog")
    for key, title in enumerate(titles, 1):
        expect(listed.locator("dl > div", has_text=title).first).to_have_text(f"{key}{title}")
    show(page, "keys", pictures)
    page.keyboard.press("Escape")
    expect(listed).to_be_hidden()


def test_a_key_that_is_pressed_the_moment_the_page_appears_is_heard(browser: Browser, showcase: Live) -> None:
    at_once = (
        "addEventListener('DOMContentLoaded', () => dispatchEvent(new KeyboardEvent('keydown', {key: '4'})))"
    )
    with closing(browser.program.new_context()) as context:
        page = context.new_page()
        page.add_init_script(at_once)
        page.goto(showcase.placement.controller_url)
        expect(page.locator("nav a[aria-current]")).to_have_text("Runs")


def test_a_digit_that_is_typed_into_a_field_leads_nowhere(page: Page) -> None:
    page.keyboard.press("4")
    page.get_by_label("events", exact=True).press("2")
    expect(page.locator("nav a[aria-current]")).to_have_text("Runs")


FOCUSED = """() => {
    const one = document.activeElement;
    const style = getComputedStyle(one);
    return {
        name: one.outerHTML.slice(0, 80),
        body: one === document.body,
        seen: one.matches(':focus-visible') && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    };
}"""
REACHABLE = """() => [...document.querySelectorAll(
    'a[href], button:not(:disabled), input:not(:disabled), select, textarea, summary, [tabindex="0"]'
)].filter((one) => one.checkVisibility() && !one.closest('dialog:not([open])')).length"""


@pytest.mark.parametrize("view", ["now", "image", "parameters", "runs", "weave"])
def test_every_control_is_reached_by_tab_and_the_focus_is_seen(page: Page, failed: str, view: str) -> None:
    address, there = views(failed)[view]
    page.evaluate("hash => location.hash = hash", address)
    expect(page.locator(there).first).to_be_visible()
    page.evaluate("document.body.focus()")
    there_are = page.evaluate(REACHABLE)
    reached = 0
    while reached < 3 * there_are:
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused["body"]:
            break
        reached += 1
        assert focused["seen"], focused["name"]
    # Radio buttons of one choice are one stop; all else is one each.
    radios = page.locator("input[type=radio]").count()
    assert reached >= there_are - max(0, radios - 1)


def test_on_a_wall_all_is_as_much_larger_as_the_wall_is(
    browser: Browser, showcase: Live, failed: str, pictures: Path
) -> None:
    heights: list[tuple[float, float]] = []
    for size in ((1920, 1080), WALL):
        with a_page(browser, f"{showcase.placement.controller_url}/#results?path=map", size) as page:
            expect(page.locator("#plot .canvas canvas")).to_have_attribute("data-shown", re.compile(","))
            link = page.locator("nav a").first.bounding_box()
            plot = page.locator("#plot .canvas").bounding_box()
            assert link is not None
            assert plot is not None
            assert plot["y"] + plot["height"] < size[1]
            heights.append((link["height"], plot["height"]))
            if size == WALL:
                show(page, "wall-map", pictures)
    small, large = heights
    assert large == pytest.approx([2 * one for one in small], rel=0.05)
