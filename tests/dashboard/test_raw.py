"""Raw events on the page: what it shows of them is what the debug worker has kept, to the pixel."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from playwright.sync_api import Page, expect

from beamloom import Event
from control.live import Live as InProcess
from dashboard.browser import PHONE, Browser, a_page, show
from dashboard.conftest import KEPT, SHOWCASE
from dashboard.plotting import point_at
from live.pipelines import TIMEOUT, Live, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]
TENS = 3


@pytest.fixture
def page(browser: Browser, showcase: Live) -> Iterator[Page]:
    with a_page(browser, f"{showcase.placement.controller_url}/#debug") as one:
        yield one


def sampled(tens: int | None) -> dict[str, Any]:
    """The map of the showcase in which every tenth event goes to the debug worker, too."""
    written: dict[str, Any] = json.loads((SHOWCASE / "sampled.json").read_text())
    written["sequence"][0]["repeat"] = tens
    return written


@pytest.fixture(scope="module")
def sampled_run(showcase: Live) -> dict[int, Event]:
    """The events of a run that has ended, as a notebook gets them from the debug worker."""
    showcase.arm(sampled(TENS))
    showcase.finished()
    address = f"{showcase.placement.debugworker_url}/api/v1/last_events?number={KEPT}"
    events: list[Event] = pickle.loads(requests.get(address, timeout=TIMEOUT).content)
    return {event.event_number: event for event in events}


def heading(page: Page, number: int) -> None:
    expect(page.locator("#raw-event > h2")).to_contain_text(re.compile(rf"^Event {number} "))


def test_without_a_debug_worker_it_says_how_to_start_one(browser: Browser) -> None:
    with InProcess() as live, a_page(browser, f"{live.root}/#debug") as page:
        expect(page.locator("main")).to_contain_text("No debug worker takes part")
        expect(page.locator("main")).to_contain_text("debugworker: {http: 127.0.0.1:5002}")


def test_before_the_first_event_it_says_which_events_come(page: Page) -> None:
    expect(page.locator("main")).to_contain_text("No event has come to debugworker yet.")
    expect(page.locator("main")).to_contain_text('{"tags": ["debug"]}')


def test_the_key_leads_there(browser: Browser, showcase: Live) -> None:
    with a_page(browser, showcase.placement.controller_url or "") as page:
        expect(page.locator("#processes tbody tr")).not_to_have_count(0)
        page.keyboard.press("8")
        expect(page.locator("nav a[aria-current]")).to_have_text("Raw")


def test_the_newest_event_is_shown_and_others_are_a_step_away(
    page: Page, sampled_run: dict[int, Event]
) -> None:
    numbers = list(sampled_run)
    heading(page, numbers[-1])
    expect(page.locator("#raw-camera")).to_contain_text("This packet is the end of a series")
    rows = page.locator("#kept tbody tr")
    expect(rows.locator("td:first-child")).to_have_text([str(number) for number in reversed(numbers)])
    expect(page.get_by_role("button", name="next")).to_be_disabled()
    for number in reversed(numbers[:-1]):
        page.get_by_role("button", name="previous").click()
        heading(page, number)
    expect(page.get_by_role("button", name="previous")).to_be_disabled()
    page.get_by_role("button", name="next").click()
    heading(page, numbers[1])
    rows.nth(1).get_by_role("link").click()
    heading(page, numbers[-2])
    expect(rows.nth(1)).to_have_class("chosen")
    page.get_by_role("button", name="follow the newest").click()
    heading(page, numbers[-1])


@pytest.mark.parametrize("column", [17, 200])
def test_the_pixel_under_the_cursor_is_that_of_the_event(
    page: Page, sampled_run: dict[int, Event], column: int, pictures: Path
) -> None:
    number = list(sampled_run)[-2]
    page.get_by_role("button", name="previous").click()
    heading(page, number)
    image = sampled_run[number].streams["camera"].parse().array
    canvas = page.get_by_role("img", name="camera: array")
    row = 60
    point_at(page, column, row, canvas)
    expect(page.locator("#raw-camera output")).to_have_text(
        f"column {column}, row {row}: {image[row, column]:,}"
    )
    numbers = [one.bounding_box() for one in page.locator("#raw-camera .scale span").all()]
    assert len({one["y"] for one in numbers if one is not None}) == 1
    show(page, "raw", pictures)


def test_a_spectrum_is_a_curve_and_a_position_is_told_in_numbers(
    page: Page, sampled_run: dict[int, Event]
) -> None:
    number = list(sampled_run)[-2]
    page.get_by_role("button", name="previous").click()
    heading(page, number)
    spectrum = sampled_run[number].streams["spectrometer"].parse().array[0]
    plot = page.locator("#raw-spectrometer .u-over")
    plot.scroll_into_view_if_needed()
    plot.hover()
    values = page.locator("#raw-spectrometer .u-legend .u-value")
    expect(values.first).not_to_have_text("–")
    element, counts = (int(text.replace(",", "")) for text in values.all_text_contents())
    assert counts == spectrum[element]
    stage = sampled_run[number].streams["stage"].parse()
    shown = json.loads(page.locator("#raw-stage code").inner_text())
    np.testing.assert_allclose(shown, stage.array)
    expect(page.locator("#raw-stage .rawvalues")).to_contain_text(f"number{stage.number}")


def test_frames_are_shown_as_they_were_sent(page: Page, sampled_run: dict[int, Event]) -> None:
    packet = list(sampled_run.values())[-2].streams["camera"]
    page.get_by_role("button", name="previous").click()
    heading(page, list(sampled_run)[-2])
    page.locator("#raw-camera summary").click()
    frames = page.locator("#raw-camera .rawframes li")
    expect(frames).to_have_count(len(packet.frames))
    expect(frames.first).to_contain_text(bytes(packet.frames[0])[:100].decode())


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_of_it_sticks_out_on_a_phone(
    browser: Browser, showcase: Live, sampled_run: dict[int, Event], pictures: Path, dark: bool
) -> None:
    with a_page(browser, f"{showcase.placement.controller_url}/#debug", PHONE, dark=dark) as page:
        page.get_by_role("button", name="previous").click()
        heading(page, list(sampled_run)[-2])
        show(page, f"raw-phone-{'dark' if dark else 'light'}", pictures)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_form_of_a_run_chooses_which_events_are_seen(
    page: Page, showcase: Live, sampled_run: dict[int, Event]
) -> None:
    page.evaluate("location.hash = 'runs'")
    page.get_by_label("events", exact=True).fill("8")
    page.get_by_label("for the debug worker one in").fill("4")
    expect(page.locator("#arm")).to_contain_text("one in 4 is for the debug worker, too")
    page.get_by_role("button", name="arm", exact=True).click()
    wait_until(lambda: showcase.progress()["total_events"] == 10, "the new run", showcase.state)
    showcase.finished()
    page.evaluate("location.hash = 'debug'")
    rows = page.locator("#kept tbody tr td:first-child")
    expect(rows.nth(3)).to_have_text("0")
    assert rows.all_text_contents()[:4] == ["9", "8", "4", "0"]


def test_new_events_come_by_themselves_until_it_is_paused(page: Page, showcase: Live) -> None:
    showcase.arm(sampled(None))
    shown = page.locator("#raw-event")

    def place() -> int:
        return int(shown.get_attribute("data-place") or -1)

    first = place()
    wait_until(lambda: place() > first + 1, "newer events on the page", showcase.state)
    page.get_by_role("button", name="pause").click()
    expect(shown).to_contain_text("paused")
    held = place()
    expect(shown).to_contain_text("The debug worker keeps it no more")
    assert place() == held
    expect(page.get_by_role("button", name="previous")).to_be_disabled()
    page.get_by_role("button", name="follow the newest").click()
    wait_until(lambda: place() > held + KEPT, "the newest event", showcase.state)
    showcase.post("stop")
    showcase.finished()
