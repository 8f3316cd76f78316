"""The site of the documentation: whole, and sufficient to itself."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import expect

from dashboard.browser import PHONE, WIDE, a_browser

pytestmark = [pytest.mark.installs, pytest.mark.timeout(180)]
TRIED = ("index.html", "reference/cli.html", "how-to/view-results.html", "project/CONTRIBUTING.html")


class Silent(SimpleHTTPRequestHandler):
    """Serves a folder and writes no log."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def site(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as strictly as ``make docs`` builds it."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder)],
        cwd=repository,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where it is served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_every_page_is_in_it(site: Path, repository: Path) -> None:
    docs = repository / "docs"
    pages = [path.relative_to(docs).with_suffix(".html") for path in docs.rglob("*.md")]
    assert [page for page in pages if not (site / page).exists() and page.name != "README.html"] == []


def test_no_page_asks_anybody_else_and_none_is_wider_than_a_phone(address: str) -> None:
    with a_browser() as browser:
        asked: list[str] = []
        context = browser.program.new_context()
        context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        for name in TRIED:
            for width, height in (WIDE, PHONE):
                page.set_viewport_size({"width": width, "height": height})
                page.goto(f"{address}{name}", wait_until="networkidle")
                assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        context.close()
    assert len(asked) > len(TRIED)
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def test_what_is_searched_for_is_found(address: str) -> None:
    with a_browser() as browser:
        page = browser.program.new_page()
        page.goto(address)
        page.get_by_role("textbox", name="Search").first.fill("event_timeout")
        expect(page.locator(".md-search-result__link").first).to_be_visible()
        page.close()
