"""Workers that come, go and die while the page is open: what it says of them is so, and each event counts once."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from dashboard.browser import Browser, a_page, show
from live.pipelines import Live, running, wait_until
from support.timing import soon_enough, timed

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]
CAMERA = {"device": "generator", "kind": "images", "shape": [8, 8], "rate": 100, "items": 0}
ENDLESS = {
    "parts": {"main": {"camera": [[{"constraint": 0}]]}},
    "sequence": [{"part": "main", "repeat": None}],
}


def reduced_once(live: Live) -> None:
    """Each event that the ledger calls reduced came to the reducer once, and no other did."""
    reduced = {event for first, last in live.get("ledger")["reduced"] for event in range(first, last + 1)}
    assert dict.fromkeys(reduced, 1) == live.published()["times"]


def workers(live: Live) -> dict[str, int]:
    """The process id of each worker that takes part, by name."""
    return {one["name"]: int(one["pid"]) for one in live.get("config")["workers"]}


def row(page: Page, name: str) -> Locator:
    return page.locator(f"#processes tr[data-name='{name}']")


def events_of(page: Page, name: str) -> int:
    """How many the page says that it has processed."""
    text = row(page, name).locator("[data-label='events']").inner_text()
    return int(text.replace(",", "").replace("–", "0") or 0)


def come_and_go(browser: Browser, tally: Live, run: str, pictures: Path) -> None:
    with a_page(browser, tally.placement.controller_url, allow="409") as page:
        page.get_by_role("button", name="add a worker").click()
        expect(row(page, "worker-3")).to_contain_text("process ")
        wait_until(lambda: events_of(page, "worker-3") > 10, "events of the new worker", tally.state)
        show(page, "workers-three", pictures)
        for name in ("worker-1", "worker-2"):
            page.get_by_role("button", name=f"Stop {name}").click()
            expect(row(page, name)).to_have_count(0)
        page.get_by_role("button", name="Stop worker-3").click()
        expect(page.locator("#processes .problem")).to_contain_text("worker-3 is the only worker")
        done = tally.progress()["completed_events"]
        wait_until(lambda: tally.completed(done + 20), "events of the last worker", tally.state)
        assert tally.get("doctor")["findings"] == []
        expect(page.get_by_label("Health")).to_have_class(re.compile(r"\bgood\b"))
        page.get_by_role("button", name="add a worker").click()
        wait_until(lambda: len(workers(tally)) == 2, "another worker", tally.state)


def die_and_are_seen_to(browser: Browser, tally: Live, run: str, pictures: Path) -> None:
    with a_page(browser, tally.placement.controller_url) as page:
        name = min(workers(tally))
        lines, key = row(page, name), ""

        def seconds_until_seen() -> float:
            nonlocal key
            key = wait_until(lambda: tally.peer(name), name, tally.state)
            expect(lines).to_have_attribute("data-process", key)
            with timed() as seeing:
                os.kill(workers(tally)[name], signal.SIGKILL)
                page.wait_for_function(
                    "key => !document.querySelector(`[data-process='${key}']`)", arg=key, polling=20
                )
            return seeing.seconds

        soon_enough(seconds_until_seen, 2.0)
        expect(lines).to_have_count(1)
        expect(page.get_by_label("Health")).to_contain_text(f"{name.capitalize()} was gone")
        expect(page.get_by_label("Health")).to_contain_text("is back")
        expect(lines).to_contain_text("was gone")
        expect(lines).not_to_have_attribute("data-process", key)


def given_again(live: Live) -> list[int]:
    """The events that were given out more than once, but for the start event."""
    seen: dict[str, Any] = live.get("weave?from=1&count=4000")
    return [seen["first"] + place for place, attempt in enumerate(seen["attempt"]) if attempt > 1]


def have_their_events_given_out_again(browser: Browser, tally: Live, run: str, pictures: Path) -> None:
    with a_page(browser, f"{tally.placement.controller_url}/#weave") as page:
        picture = page.locator("#weave .weave-picture")
        name = min(workers(tally))
        page.wait_for_function("() => Number(document.querySelector('.weave-picture')?.dataset.first) > 20")
        os.kill(workers(tally)[name], signal.SIGKILL)
        wait_until(lambda: given_again(tally), "events that are given out again", tally.state)
        expect(page.locator(".weave-legend")).to_contain_text("given out again")
        show(page, "weave-killed", pictures)
        event = given_again(tally)[0]
        page.evaluate(f"location.hash = 'weave?run={run}&from=0&count=20'")
        expect(picture).to_have_attribute("data-first", "0")
        page.get_by_role("button", name="trouble ▸").click()
        expect(page.get_by_label(f"The story of event {event}")).to_be_visible()
        page.keyboard.press("p")
        expect(page.locator("#weave")).to_contain_text("There is no further event")
        page.evaluate(f"location.hash = 'weave?from={max(event - 10, 0)}&count=40&event={event}'")
        story = page.get_by_label(f"The story of event {event}")
        expect(story).to_contain_text(f"Leased to {name} (attempt 1)")
        expect(story).to_contain_text(f"Taken away from {name}")
        expect(story).to_contain_text("(attempt 2)")
        first, count = (int(picture.get_attribute(f"data-{name}") or 0) for name in ("first", "count"))
        box = picture.bounding_box()
        assert box is not None
        picture.hover(position={"x": (event - first + 0.5) * box["width"] / count, "y": 40})
        expect(page.locator("#weave .weave-said")).to_contain_text(
            f"event {event}: in the result, by worker-"
        )
        expect(page.locator("#weave .weave-said")).to_contain_text("given out for the second time")
        show(page, "weave-again", pictures)
        page.evaluate("location.hash = ''")
        strip = page.locator("#weave-strip")
        expect(strip).to_be_visible()
        strip.get_by_role("link", name="Weave").click()
        expect(picture).to_be_visible()


def test_workers_come_go_and_die_and_the_page_says_so(browser: Browser, pictures: Path) -> None:
    with running({"camera": CAMERA}, worker="tally:Worker", reducer="tally:Reducer") as tally:
        for what in (come_and_go, die_and_are_seen_to, have_their_events_given_out_again):
            wait_until(lambda: len(workers(tally)) == 2, "both workers", tally.state)
            what(browser, tally, tally.arm(ENDLESS, all_wrap=False), pictures)
            tally.post("stop")
            assert tally.finished()["failed"] == 0
            reduced_once(tally)
