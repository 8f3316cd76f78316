"""A headless Chromium that shows h5web: installed by npm under ``out/``, bundled into a folder of the test."""

from __future__ import annotations

import base64
import functools
import http.server
import itertools
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

SOURCES = Path(__file__).parent / "h5web"
SECONDS_TO_INSTALL = 200
PATIENCE = 30.0
"""Seconds after which what does not show is given up."""


def bundled(repository: Path, into: Path) -> Path:
    """A folder with the page of h5web. Skips the test where npm or its packages cannot be had."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm; install Node.js")
    packages = repository / "out" / "h5web"
    packages.mkdir(parents=True, exist_ok=True)
    wanted = (SOURCES / "package.json").read_text()
    ready = packages / "ready"
    if not ready.exists() or ready.read_text() != wanted:
        (packages / "package.json").write_text(wanted)
        install = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock"]
        try:
            subprocess.run(install, cwd=packages, check=True, capture_output=True, timeout=SECONDS_TO_INSTALL)
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"h5web cannot be installed by npm: {error}")
        ready.write_text(wanted)
    shutil.copy(SOURCES / "page.jsx", packages / "page.jsx")
    shutil.copy(SOURCES / "index.html", into / "index.html")
    bundle = [
        packages / "node_modules/.bin/esbuild",
        "page.jsx",
        "--bundle",
        "--format=esm",
        f"--outfile={into / 'page.js'}",
    ]
    options = ["--jsx=automatic", '--define:process.env.NODE_ENV="production"', "--log-level=error"]
    subprocess.run([*map(str, bundle), *options], cwd=packages, check=True, timeout=60)
    return into


@contextmanager
def pages(folder: Path) -> Iterator[str]:
    """Serves a folder; gives the address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name in the base class
        pass


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """Starts a browser and opens a page. Skips the test where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("needs Chromium; on Debian and Ubuntu it is the package chromium")
    options = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--use-angle=swiftshader"]
    options += ["--enable-unsafe-swiftshader", "--window-size=1200,800", "--remote-debugging-port=0"]
    process = subprocess.Popen(
        [program, *options, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        port = patiently(lambda: _port(profile / "DevToolsActivePort"), "Chromium's port")
        found = patiently(lambda: _targets(port), "Chromium's page")
        with connect(found[0]["webSocketDebuggerUrl"], max_size=None, compression=None) as socket:
            yield Browser(socket)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Browser:
    """One page of a headless Chromium, led over its DevTools protocol."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    def _ask(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(self._socket.recv(timeout=PATIENCE))).get("id") != number:
            pass
        return answer["result"]

    def open(self, url: str) -> None:
        """Go to a page."""
        self._ask("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of an expression of JavaScript."""
        return self._ask("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def wait_for(self, *texts: str) -> str:
        """The text of the page, once it holds all of these."""
        shown = ""

        def holds_all() -> bool:
            nonlocal shown
            shown = str(self.run("document.body ? document.body.innerText : ''"))
            return all(text in shown for text in texts)

        patiently(holds_all, f"{texts} in the page", lambda: shown)
        return shown

    def click(self, text: str) -> None:
        """Press the button or the tab with this text."""
        found = (
            f"[...document.querySelectorAll('button, [role=tab]')].find(b => b.innerText.trim() === {text!r})"
        )
        patiently(lambda: self.run(f"Boolean({found})"), f"a button {text}")
        self.run(f"{found}.click()")

    def picture(self) -> bytes:
        """What is seen, as PNG."""
        return base64.b64decode(self._ask("Page.captureScreenshot")["data"])


def _targets(port: str) -> list[Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
        return [target for target in json.load(answer) if target["type"] == "page"]


def _port(file: Path) -> str | None:
    lines = file.read_text().split() if file.exists() else []
    return lines[0] if len(lines) == 2 else None


def patiently(look: Any, what: str, seen: Any = str) -> Any:
    """What ``look`` returns, once that is true. Fails the test where it does not get true."""
    end = time.monotonic() + PATIENCE
    while not (found := look()):
        if time.monotonic() > end:
            pytest.fail(f"waited in vain for {what}; there was: {seen()}")
        time.sleep(0.05)
    return found
