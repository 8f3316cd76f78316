"""What h5web shows in a browser, as a page of another origin than the reducer."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from matplotlib import image as matplotlib_image

from results.hdf5.browser import Browser, bundled, chromium, pages, patiently
from results.hdf5.trees import TREE, served

pytestmark = [pytest.mark.installs, pytest.mark.timeout(300), pytest.mark.processes]


class Viewer:
    """h5web in a browser."""

    def __init__(self, browser: Browser, page: str, reducer: str) -> None:
        self.browser = browser
        self._address = f"{page}/?url={quote(reducer)}"

    def open(self, path: str) -> None:
        self.browser.open(f"{self._address}&path={quote(path)}")


@pytest.fixture(scope="module")
def built(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundled(repository, tmp_path_factory.mktemp("page"))


@pytest.fixture
def viewer(built: Path, tmp_path: Path) -> Iterator[Viewer]:
    with pages(built) as page, served(TREE) as (reducer, _), chromium(tmp_path / "profile") as browser:
        yield Viewer(browser, page, reducer)


def colours(picture: bytes) -> int:
    """How many colours there are in the middle of the page."""
    pixels = matplotlib_image.imread(io.BytesIO(picture), format="png")
    middle = (pixels[150:700, 450:1050, :3] * 255).astype(int)
    return len(np.unique(middle.reshape(-1, 3), axis=0))


LABELS = """[...document.querySelectorAll('.visx-axis-label')].map(
    one => [one.textContent, one.getBoundingClientRect().width > one.getBoundingClientRect().height])"""
"""The names at the axes of a plot, and whether they are written along."""


def test_h5web_browses_and_plots_what_is_published(viewer: Viewer, repository: Path) -> None:
    browser = viewer.browser
    viewer.open("/image")
    browser.wait_for("Heatmap", "volume", "group", "1.199e+3")
    patiently(lambda: colours(browser.picture()) > 100, "a picture with the colours of the image")
    (repository / "out" / "h5web-image.png").write_bytes(browser.picture())
    browser.click("Inspect")
    browser.wait_for(
        "Float, 64-bit, little-endian", "30 x 40", '"counts"', '["a","bé"]', "1 + 2 i", '"2026-01-02"'
    )

    viewer.open("/map")
    browser.wait_for("NX Scatter", "key_0", "key_1")
    # The first of the two axes is along, as on the dashboard: the name of the other one is turned.
    # They are there a moment after the names in the list of what is to be plotted.
    names = [["key_0", True], ["key_1", False]]
    patiently(
        lambda: sorted(browser.run(LABELS)) == names,
        "one name along each axis",
        lambda: browser.run(LABELS),
    )
    (repository / "out" / "h5web-map.png").write_bytes(browser.picture())


KINDS = {
    "/text": ["Scalar", "é"],
    "/texts": ["Matrix", "bé"],
    "/truth": ["Scalar", "true"],
    "/integer": ["Scalar", "3"],
    "/truths": ["Matrix", "Line"],
    "/records": ["Compound"],
    "/complexes": ["Matrix", "Line"],
    "/lock": ["This cannot be shown: it is a _thread.lock"],
    "/group/my name/x": ["Line"],
    "/not_finite": ["Line"],
}


def test_h5web_shows_every_kind_of_dataset(viewer: Viewer) -> None:
    for path, texts in KINDS.items():
        viewer.open(path)
        shown = viewer.browser.wait_for(path.rpartition("/")[2], *texts)
        assert "Error" not in shown, path
