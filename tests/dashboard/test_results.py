"""Results on the page: what is shown is what the reducer has, and what is marked there reaches the workers."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from dashboard.browser import a_page, show
from dashboard.conftest import showcase_map
from live.pipelines import TIMEOUT, Live, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]
POINTS = 30


@pytest.fixture(scope="module")
def measured(showcase: Live) -> str:
    """A run that has ended: its id."""
    run = showcase.arm(showcase_map(POINTS))
    showcase.finished()
    return run


@pytest.fixture
def page(browser: Browser, showcase: Live, measured: str) -> Iterator[Page]:
    with a_page(browser, f"{showcase.placement.controller_url}/#results") as one:
        yield one


def array(live: Live, path: str) -> np.ndarray:
    """What the reducer itself has at a path of the tree."""
    answer = requests.get(
        f"{live.placement.reducer_url}/api/v1/shown", params={"path": path}, timeout=TIMEOUT
    )
    return np.asarray(np.load(io.BytesIO(answer.content)))


def choose(page: Page, path: str) -> None:
    page.evaluate("path => location.hash = 'results?path=' + encodeURIComponent(path)", path)
    expect(page.locator(".tree a[aria-current]")).to_have_text(path.split("/")[-1])


def test_the_tree_names_all_that_is_published(page: Page, showcase: Live) -> None:
    names = page.locator(".tree > li > details > summary")
    expect(names).to_have_text([name for name in showcase.published() if not name.endswith("_attrs")])


def test_a_number_and_a_text_are_shown_as_they_are(page: Page) -> None:
    choose(page, "about/points")
    expect(page.locator("#plot .value")).to_have_text(str(POINTS))
    choose(page, "about/sample")
    expect(page.locator("#plot .value")).to_have_text("C-17")


def test_the_value_under_the_cursor_is_that_of_the_reducer(
    page: Page, showcase: Live, pictures: Path
) -> None:
    choose(page, "virtual_powder")
    canvas = page.get_by_role("img", name="sum of all pictures (counts)")
    box = canvas.bounding_box()
    assert box is not None
    image = array(showcase, "virtual_powder/sum")
    side = min(box["width"], box["height"])
    column, row = 200, 60
    corner = (box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2)
    page.mouse.move(corner[0] + (column + 0.5) * side / 256, corner[1] + (row + 0.5) * side / 256)
    expect(page.locator("#plot output")).to_have_text(
        f"column {column}, row {row}: {image[row, column]:,.0f}"
    )
    show(page, "image", pictures)


def test_an_image_is_drawn_from_dark_to_bright(page: Page, showcase: Live) -> None:
    choose(page, "virtual_powder")
    canvas = page.locator("#plot .canvas canvas")
    expect(canvas).to_be_visible()
    page.get_by_label("colours").select_option("grey")
    page.get_by_label("from").fill("0")
    page.get_by_label("to", exact=True).fill(str(int(array(showcase, "virtual_powder/sum").max())))
    truth = array(showcase, "virtual_powder/sum").reshape(16, 16, 16, 16).mean((1, 3))

    def likeness() -> float:
        drawn = base64.b64decode(canvas.evaluate("one => one.toDataURL('image/png').split(',')[1]"))
        shades = np.asarray(Image.open(io.BytesIO(drawn)).convert("L"), float)
        side = min(shades.shape) // 16 * 16
        top, left = (shades.shape[0] - side) // 2, (shades.shape[1] - side) // 2
        means = (
            shades[top : top + side, left : left + side].reshape(16, side // 16, 16, side // 16).mean((1, 3))
        )
        return float(np.corrcoef(means.ravel(), truth.ravel())[0, 1])

    wait_until(lambda: likeness() > 0.97, "a picture like the array", lambda: f"likeness {likeness()}")


@pytest.mark.parametrize("path", ["spectrum", "curves", "region", "brightness"])
def test_curves_are_drawn_with_their_names(page: Page, pictures: Path, path: str) -> None:
    choose(page, path)
    expect(page.locator("#plot .u-legend")).to_be_visible()
    show(page, path, pictures)


@pytest.mark.parametrize("path", ["map", "waterfall", "camera"])
def test_images_are_drawn_with_their_scale(page: Page, pictures: Path, path: str) -> None:
    choose(page, path)
    expect(page.locator("#plot .scale")).to_be_visible()
    show(page, path, pictures)


def test_a_table_shows_its_newest_row_on_top(page: Page, showcase: Live, pictures: Path) -> None:
    choose(page, "peaks")
    cells = page.locator("#plot tbody tr").first.locator("td")
    newest = array(showcase, "peaks/x")[-1]
    expect(cells.first).to_have_text(str(len(array(showcase, "peaks/x")) - 1))
    expect(cells.nth(2)).to_have_text("–" if np.isnan(newest) else f"{newest:,.0f}")
    show(page, "table", pictures)


def test_a_part_that_is_not_there_says_so(page: Page) -> None:
    page.evaluate("location.hash = 'results?path=nowhere'")
    expect(page.locator("#plot")).to_contain_text("There is no nowhere in the results now")


def test_a_rectangle_on_an_image_becomes_parameters(page: Page, showcase: Live) -> None:
    choose(page, "camera")
    canvas = page.locator("#plot .canvas canvas")
    box = canvas.bounding_box()
    assert box is not None
    side = min(box["width"], box["height"])
    left, top = box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2
    page.keyboard.down("Shift")
    page.mouse.move(left + side * 0.25, top + side * 0.5)
    page.mouse.down()
    page.mouse.move(left + side * 0.5, top + side * 0.625, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    page.get_by_role("button", name="set roi").click()
    expect(page.get_by_role("button", name="roi is set")).to_be_visible()
    values = showcase.get("epochs")["values"]
    assert [values[f"roi_{edge}"] for edge in ("x", "y", "width", "height")] == [64, 128, 64, 32]
