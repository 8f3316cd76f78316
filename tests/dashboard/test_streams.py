"""Health, streams and workers on the page: figures are those of the API."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from control.live import Live as InMemory
from dashboard.browser import PHONE, WIDE, Browser, a_page, show
from dashboard.conftest import showcase_map
from live.pipelines import Live, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def endless(showcase: Live) -> Iterator[Live]:
    """The showcase in a run that goes on until all tests of the file are done."""
    showcase.arm(showcase_map(None))
    wait_until(lambda: showcase.completed(5), "the first events", showcase.state)
    yield showcase
    showcase.post("stop")
    showcase.finished()


@pytest.fixture
def page(browser: Browser, endless: Live) -> Iterator[Page]:
    with a_page(browser, endless.placement.controller_url) as one:
        yield one


def number_in(text: str) -> float:
    """The first number of a text, such as 40.2 of ``40.2 /s``."""
    found = re.search(r"[\d,]+(\.\d+)?", text)
    assert found, text
    return float(found[0].replace(",", ""))


def between(live: Live, of: Callable[[Any], float], path: str, shown: Callable[[], float]) -> None:
    """What is shown of something that grows was true at some moment between two questions."""
    before = of(live.get(path))

    def is_new() -> bool:
        return shown() >= before

    wait_until(is_new, "a number that is not older than the question", lambda: f"{shown()} < {before}")
    now = shown()
    assert before <= now <= of(live.get(path))


def figure(page: Page, name: str) -> Locator:
    return page.locator(f"[data-figure='{name}'] dd")


def row(page: Page, name: str) -> Locator:
    return page.locator(f"#processes tr[data-name='{name}']")


def follows(page: Page, live: Live, name: str, key: str) -> None:
    """A rate that is shown is, but for what changes in between, that of the API (per second)."""
    near(figure(page, name), lambda: float(live.get("flow")[key]))


def near(shown: Locator, told: Callable[[], float], apart: float = 8) -> None:
    """What is shown gets near to what is told."""

    def is_near() -> bool:
        return abs(number_in(shown.inner_text()) - told()) < apart

    wait_until(is_near, "a number near to that of the API", shown.inner_text)


def test_the_strip_has_the_figures_of_the_api(page: Page, endless: Live, pictures: Path) -> None:
    strip = page.get_by_label("Health")
    expect(strip).to_have_class(re.compile(r"\bgood\b"))
    expect(figure(page, "lag")).to_have_text(re.compile(r"^[\d,.]+ ms$"))
    lag = wait_until(lambda: endless.get("flow")["lag"]["seconds"], "a lag that is known")
    shown = number_in(figure(page, "lag").inner_text()) / 1000
    assert 0 < shown < 10 * lag + 1
    follows(page, endless, "in", "rate_in")
    follows(page, endless, "out", "rate_out")
    between(
        endless,
        lambda told: told["completed_events"],
        "progress",
        lambda: number_in(figure(page, "events").inner_text()),
    )
    expect(figure(page, "in the result")).to_have_text("100 %")
    expect(figure(page, "time left")).to_have_text("–")
    expect(figure(page, "lost")).to_have_text("0")
    show(page, "streams-wide", pictures)


def test_each_count_leads_to_what_explains_it(page: Page) -> None:
    figure(page, "failed").get_by_role("link").click()
    expect(page).to_have_url(re.compile("#errors$"))
    figure(page, "lost").get_by_role("link").click()
    expect(page.locator("#events")).to_be_in_viewport()
    expect(page.locator("#events")).to_contain_text("They are in the result.")


@pytest.mark.parametrize(
    ("name", "carries"),
    [("camera", "256 × 256, uint16"), ("spectrometer", "1 × 2048, uint32"), ("stage", "2 values, float64")],
)
def test_each_stream_says_what_it_carries_how_fast_and_how_full_it_is(
    page: Page, endless: Live, name: str, carries: str
) -> None:
    line = page.locator(f"[data-stream='{name}']")
    expect(line).to_contain_text(carries)
    expect(line.locator(".state")).to_contain_text("receiving")
    expect(line).to_contain_text("generator")
    assert endless.get("flow")["streams"][name]["retention_limit"] == 1 << 30
    expect(line.locator("[data-label='kept until reduced']")).to_contain_text("of 1.1 GB")
    last = line.locator("[data-label='last packet']")
    between(
        endless,
        lambda told: told["streams"][name]["last_number"],
        "flow",
        lambda: number_in(last.inner_text()),
    )
    near(
        line.locator("[data-label='per second']"),
        lambda: float(endless.get("flow")["streams"][name]["packets_per_second"]),
    )


def test_each_process_says_where_its_time_goes(page: Page, endless: Live) -> None:
    expect(row(page, "worker-1").get_by_role("img").first).to_have_attribute(
        "aria-label", re.compile("% user code")
    )
    load = endless.get("load?stages=true&seconds=5")["worker-1"]
    memory = number_in(row(page, "worker-1").locator("[data-label='memory']").inner_text())
    assert memory == pytest.approx(load["memory_bytes"] / 1e6, rel=0.3)
    assert sum(load["stages"].values()) == pytest.approx(load["seconds"], rel=0.01)
    [worker] = [one for one in endless.get("config")["workers"] if one["name"] == "worker-1"]
    expect(row(page, "worker-1")).to_contain_text(f"{worker['host']}, process {worker['pid']}")
    for name in ("camera-ingester", "reducer"):
        expect(row(page, name).get_by_role("button")).to_have_count(0)


@pytest.mark.parametrize(
    ("size", "name"),
    [(PHONE, "phone"), (WIDE, "desk"), ((2560, 1440), "wall")],
    ids=["phone", "desk", "wall"],
)
def test_nothing_sticks_out_in_the_dark(
    browser: Browser, endless: Live, pictures: Path, size: tuple[int, int], name: str
) -> None:
    with a_page(browser, endless.placement.controller_url, size, dark=True) as page:
        expect(page.locator("[data-stream='camera']")).to_contain_text("256 × 256")
        expect(figure(page, "lag")).to_have_text(re.compile("ms$"))
        show(page, f"streams-{name}-dark", pictures)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_where_nobody_can_start_workers_there_is_a_sentence_and_no_button(browser: Browser) -> None:
    with InMemory() as live, a_page(browser, live.root) as page:
        expect(page.locator("#processes")).to_contain_text("Workers cannot be started or stopped from here")
        expect(page.locator("#processes tbody tr")).to_have_count(5)
        expect(page.locator("#processes").get_by_role("button")).to_have_count(0)
        expect(page.locator("[data-stream='eiger']")).to_contain_text("no run reads it")
