"""The weave: what the picture says of each event is what the API says, while events are woven, and afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from control.live import Live as InMemory
from dashboard.browser import PHONE, Browser, a_page, show
from dashboard.conftest import showcase_map
from live.pipelines import Live

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]
POINTS = 60
AXIS = 26
"""Pixels above the lanes of the picture."""


@pytest.fixture(scope="module")
def measured(showcase: Live) -> str:
    """A run that has ended: its id."""
    run = showcase.arm(showcase_map(POINTS))
    showcase.finished()
    return run


@pytest.fixture
def page(browser: Browser, showcase: Live, measured: str) -> Iterator[Page]:
    with a_page(browser, f"{showcase.placement.controller_url}/") as one:
        expect(one.get_by_role("link", name="Weave", exact=True).first).to_be_visible()
        one.keyboard.press("5")
        expect(picture(one)).to_be_visible()
        yield one


def picture(page: Page) -> Locator:
    return page.locator("#weave .weave-picture")


def said(page: Page) -> Locator:
    return page.locator("#weave .weave-said")


def point_at(page: Page, event: int, lane: int = 0) -> tuple[float, float]:
    """Put the pointer on an event: on what became of it, or on the lane of a stream, from 1; returns where that is."""
    target = picture(page)
    target.scroll_into_view_if_needed()
    first, count, high = (
        int(target.get_attribute(f"data-{name}") or 0) for name in ("first", "count", "lane")
    )
    box = target.bounding_box()
    assert box is not None
    x, y = (event - first + 0.5) * box["width"] / count, AXIS + (lane + 0.5) * high
    page.mouse.move(box["x"] + x, box["y"] + y)
    return x, y


def colour_at(page: Page, x: float, y: float) -> list[int]:
    """What is drawn at a place of the picture."""
    script = """(one, [x, y]) => {
        const sharp = window.devicePixelRatio;
        return [...one.getContext('2d').getImageData(Math.round(x * sharp), Math.round(y * sharp), 1, 1).data].slice(0, 3);
    }"""
    found: list[int] = picture(page).locator("canvas").evaluate(script, [x, y])
    return found


def colour_of(page: Page, worker: str) -> list[int]:
    """The colour of a worker in the legend."""
    style = page.locator(f"[data-worker='{worker}'] i").evaluate(
        "one => getComputedStyle(one).backgroundColor"
    )
    return [int(number) for number in re.findall(r"\d+", style)[:3]]


def test_every_event_is_said_to_be_where_the_api_says_it_is(page: Page, showcase: Live) -> None:
    seen = showcase.get("weave?count=400")
    assert {seen["stage_names"][stage] for stage in seen["stages"]} == {"reduced"}
    expect(page.locator("#weave")).to_contain_text(f"of {POINTS + 2}")
    for event in (1, POINTS // 2, POINTS):
        worker = seen["workers"][seen["worker"][event]]["name"]
        point_at(page, event, 2)
        expect(said(page)).to_contain_text(f"event {event}: in the result, by {worker}")
        expect(said(page)).to_contain_text("spectrometer: packet is here, for constraint 0 with generic")
    point_at(page, 0)
    expect(said(page)).to_contain_text("by worker-1 and worker-2 · the start event")


def test_a_packet_has_the_colour_of_its_worker_in_the_legend(page: Page, showcase: Live) -> None:
    seen = showcase.get("weave?count=400")
    for name in ("worker-1", "worker-2"):
        events = [e for e in range(1, POINTS + 1) if seen["workers"][seen["worker"][e]]["name"] == name]
        assert events, f"{name} had no event"
        expect(page.locator(f"[data-worker='{name}']")).to_be_visible()
        x, y = point_at(page, events[0], 1)
        page.mouse.move(0, 0)
        # A pixel below the middle: the short name may be written there.
        assert colour_at(page, x, y + 9) == colour_of(page, name)


def test_a_worker_of_the_legend_is_seen_alone(page: Page, showcase: Live) -> None:
    seen = showcase.get("weave?count=400")
    other = next(e for e in range(1, POINTS) if seen["workers"][seen["worker"][e]]["name"] == "worker-2")
    x, y = point_at(page, other, 1)
    before = colour_at(page, x, y + 9)
    page.locator("[data-worker='worker-1']").click()
    expect(page.locator("[data-worker='worker-1']")).to_have_attribute("aria-pressed", "true")
    page.wait_for_function(
        """([x, y, before]) => {
            const one = document.querySelector('#weave .weave-picture canvas');
            const data = one.getContext('2d').getImageData(x * devicePixelRatio, y * devicePixelRatio, 1, 1).data;
            return data[3] < 255 || [0, 1, 2].some((band) => data[band] !== before[band]);
        }""",
        arg=[round(x), round(y + 9), before],
    )


def test_a_click_tells_the_story_of_an_event_and_its_link_tells_it_to_others(
    browser: Browser, page: Page, showcase: Live, measured: str, pictures: Path
) -> None:
    event = POINTS // 2
    point_at(page, event)
    page.mouse.down()
    page.mouse.up()
    story = page.get_by_label(f"The story of event {event}")
    told = showcase.get(f"events/{event}?run={measured}")["story"]
    expect(story.locator("li")).to_have_count(len(told))
    for line in told:
        expect(story).to_contain_text(line["text"], ignore_case=True)
    show(page, "weave-story", pictures)
    with a_page(browser, page.url) as another:
        expect(another.get_by_label(f"The story of event {event}").locator("li")).to_have_count(len(told))
        first, count = (picture(page).get_attribute(f"data-{name}") for name in ("first", "count"))
        expect(picture(another)).to_have_attribute("data-first", str(first))
        expect(picture(another)).to_have_attribute("data-count", str(count))
    assert measured in page.url


def test_the_keys_go_from_event_to_event_zoom_and_follow(page: Page) -> None:
    follow = page.get_by_role("button", name="follow the newest")
    expect(follow).to_have_attribute("aria-pressed", "true")
    before = int(picture(page).get_attribute("data-count") or 0)
    page.keyboard.press("+")
    expect(picture(page)).to_have_attribute("data-count", str((before + 1) // 2))
    page.keyboard.press("f")
    expect(follow).to_have_attribute("aria-pressed", "false")
    first = int(picture(page).get_attribute("data-first") or 0)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(said(page)).to_contain_text(f"event {first + 1}:")
    page.keyboard.press("Enter")
    expect(page.get_by_label(f"The story of event {first + 1}")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label(f"The story of event {first + 2}")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".weave-story")).to_have_count(0)


def test_the_bar_of_the_whole_run_moves_the_window(page: Page) -> None:
    for _ in range(3):
        page.get_by_role("button", name="fewer events").click()
    bar = page.get_by_role("slider")
    expect(bar).to_have_attribute("aria-valuemax", str(POINTS + 2))
    bar.click(position={"x": 1, "y": 15})
    expect(picture(page)).to_have_attribute("data-first", "0")
    bar.press("ArrowRight")
    expect(picture(page)).not_to_have_attribute("data-first", "0")
    bar.press("End")
    count = int(picture(page).get_attribute("data-count") or 0)
    expect(picture(page)).to_have_attribute("data-first", str(POINTS + 2 - count))
    box = bar.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 4, box["y"] + 15)
    page.mouse.down()
    page.mouse.move(box["x"] + 4, box["y"] + 15, steps=5)
    page.mouse.up()
    expect(picture(page)).to_have_attribute("data-first", "0")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_weave_fits_on_a_phone(
    browser: Browser, showcase: Live, measured: str, pictures: Path, dark: bool
) -> None:
    url = f"{showcase.placement.controller_url}/#weave?event=3"
    with a_page(browser, url, PHONE, dark=dark) as page:
        expect(page.get_by_label("The story of event 3").locator("li").first).to_be_visible()
        expect(page.get_by_role("slider")).to_be_visible()
        show(page, f"weave-phone-{'dark' if dark else 'light'}", pictures)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_before_the_first_run_it_says_what_will_be_here(browser: Browser) -> None:
    with InMemory() as live, a_page(browser, f"{live.root}/#weave") as page:
        expect(page.locator("#weave")).to_contain_text("No run yet; arm one under Runs")
