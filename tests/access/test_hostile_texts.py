"""Texts of strangers (errors, log lines, names of processes) are shown as text: none of them becomes part of a page."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from beamloom.client import _display
from beamloom.client._run import Progress
from beamloom.events import Event, Packet
from beamloom.glance.page import LAST_EVENTS_PAGE
from beamloom.parameters import ParameterSet
from beamloom.services.worker.debugworker import LastEvents
from beamloom.services.worker.debugworker import make_app as debugworker_app
from beamloom.transport.http_server import HttpServer
from control.live import Live, simple_map
from results.hdf5.browser import chromium
from services.bench import series

HOSTILE = "<img src=x onerror=\"document.title='caught'\"><script>document.title='caught'</script>'\"&"
SOURCES_OF_SCRIPT = re.compile(
    r"dangerouslySet|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|srcdoc|DOMParser|createContextualFragment"
)


class Failing:
    def __init__(self, parameters: Any) -> None:
        pass

    def process_event(self, event: Event, parameters: Any) -> None:
        raise ValueError(HOSTILE)


def test_the_page_of_a_debug_worker_puts_in_texts_in_no_way_that_could_run_them() -> None:
    assert not SOURCES_OF_SCRIPT.findall(LAST_EVENTS_PAGE)
    assert "textContent" in LAST_EVENTS_PAGE


def test_the_dashboard_puts_in_texts_in_no_way_that_could_run_them(repository: Path) -> None:
    sources = list((repository / "web" / "src").rglob("*.ts*"))
    assert len(sources) > 5
    assert {file.name: SOURCES_OF_SCRIPT.findall(file.read_text()) for file in sources} == {
        file.name: [] for file in sources
    }


@pytest.mark.expects_errors
@pytest.mark.timeout(120)
def test_the_page_of_the_controller_shows_hostile_texts_as_they_are(tmp_path: Path) -> None:
    with Live(worker=Failing) as live, chromium(tmp_path / "profile") as browser:
        live.arm(simple_map(1))
        live.feeds["eiger"].send(series(1))
        live.finished()
        logging.getLogger("beamloom.test").warning("%s", HOSTILE)
        live.wait_for("logs?level=WARNING", lambda lines: any(HOSTILE in line["msg"] for line in lines))
        browser.open(f"{live.root}/#errors")
        shown = browser.wait_for("ValueError", "document.title='caught'")
        assert HOSTILE in shown
        browser.open(f"{live.root}/#log")
        shown = browser.wait_for("WARNING", "document.title='caught'")
        assert HOSTILE in shown
        assert browser.run("document.querySelectorAll('img').length") == 0
        assert browser.run("document.title") != "caught"


@pytest.mark.timeout(120)
def test_the_page_of_a_debug_worker_shows_hostile_texts_as_they_are(tmp_path: Path) -> None:
    kept = LastEvents(1)
    packet = Packet(HOSTILE, [HOSTILE.encode(), json.dumps({HOSTILE: HOSTILE}).encode()], 1)
    kept.process(Event(1, {HOSTILE: packet}), ParameterSet({}), False)
    with HttpServer(debugworker_app(kept)) as server, chromium(tmp_path / "profile") as browser:
        browser.open(server.url)
        browser.wait_for("document.title='caught'")
        assert (
            browser.run(
                "[...document.querySelectorAll('img')].filter(i => i.getAttribute('src') === 'x').length"
            )
            == 0
        )
        assert browser.run("document.title") != "caught"


def test_what_a_notebook_shows_is_escaped() -> None:
    progress = Progress(
        run=HOSTILE, phase=HOSTILE, finished=True, total_events=1, completed_events=1, reduced=0, failed=1, lost=0,
        assigned=0, pending=0, stopped=HOSTILE,
        errors=[{"where": HOSTILE, "error": HOSTILE, "message": HOSTILE, "events": "1", "count": 1}],
        losses=[{"cause": HOSTILE, "events": "1", "count": 1}],
    )  # fmt: skip
    outline = {
        "attributes": {HOSTILE: HOSTILE},
        "children": {HOSTILE: {"attributes": {}, "shape": [1], "dtype": HOSTILE}},
    }
    stream = {
        "packets": 1,
        "gaps": 0,
        "dropped": 0,
        "malformed": 0,
        "stopped": False,
        "ended": False,
        "complete_until": 1,
    }
    shown = [
        progress._repr_html_(),
        _display.tree_html(HOSTILE, outline),
        _display.pipeline_html(HOSTILE, progress, {HOSTILE: stream}, [HOSTILE]),
    ]
    for page in shown:
        assert "<img" not in page
        assert "<script" not in page
