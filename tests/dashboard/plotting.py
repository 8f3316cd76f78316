"""Where on the page something of a plot is, and what the reducer itself has of it."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import requests
from playwright.sync_api import Download, Locator, Page, expect

from live.pipelines import TIMEOUT, Live

_FOUR = re.compile(r"^[^,]+,[^,]+,[^,]+,[^,]+$")


def array(live: Live, path: str, domain: str = "/") -> npt.NDArray[Any]:
    """What the reducer itself has at a path of the tree, as it is; ``domain`` is /runs/{run} for a run that has ended."""
    answer = requests.get(
        f"{live.placement.reducer_url}/api/v1/elements",
        params={"path": path, "format": "npy", "domain": domain},
        timeout=TIMEOUT,
    )
    assert answer.status_code == 200, answer.text
    return np.asarray(np.load(io.BytesIO(answer.content)))


def choose(page: Page, path: str, more: str = "") -> None:
    """Open a part of the results, with ``more`` in its address."""
    page.evaluate("hash => location.hash = hash", f"results?path={quote(path, safe='')}{more}")
    expect(page.locator(".tree a[aria-current]")).to_have_text(path.split("/")[-1])


def canvas(page: Page) -> Locator:
    """That of the picture or the points that are shown."""
    return page.locator("#plot .canvas canvas")


def boxes(page: Page, drawn: Locator | None = None) -> tuple[list[float], list[float], bool]:
    """What is seen (x, y, width, height in the data), where on the canvas it is drawn, and whether y grows upwards."""
    drawn = drawn or canvas(page)
    expect(drawn).to_have_attribute("data-shown", _FOUR)
    seen, shown = (drawn.get_attribute(f"data-{name}") or "" for name in ("seen", "shown"))
    numbers = [[float(one) for one in text.split(",")] for text in (seen, shown)]
    return numbers[0], numbers[1], drawn.get_attribute("data-up") == "true"


def place(page: Page, x: float, y: float, drawn: Locator | None = None) -> tuple[float, float]:
    """Where on the page the place of the data is drawn."""
    seen, shown, up = boxes(page, drawn)
    corner = (drawn or canvas(page)).bounding_box()
    assert corner is not None
    down = (y - seen[1]) / seen[3]
    across = shown[0] + (x - seen[0]) / seen[2] * shown[2]
    return corner["x"] + across, corner["y"] + shown[1] + (1 - down if up else down) * shown[3]


def point_at(page: Page, column: int, row: int, drawn: Locator | None = None) -> None:
    """Put the cursor in the middle of a pixel."""
    (drawn or canvas(page)).scroll_into_view_if_needed()
    page.mouse.move(*place(page, column + 0.5, row + 0.5, drawn))


def mark(page: Page, first: tuple[float, float], second: tuple[float, float]) -> None:
    """Drag from one place of the data to another, with Shift held down."""
    canvas(page).scroll_into_view_if_needed()
    page.keyboard.down("Shift")
    page.mouse.move(*place(page, *first))
    page.mouse.down()
    page.mouse.move(*place(page, *second), steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")


def downloaded(page: Page, name: str, folder: Path) -> Path:
    """The file behind one of the links at the right of the title."""
    with page.expect_download() as waiting:
        page.locator("#plot .downloads").get_by_text(name, exact=True).click()
    download: Download = waiting.value
    target = folder / download.suggested_filename
    download.save_as(target)
    return target
