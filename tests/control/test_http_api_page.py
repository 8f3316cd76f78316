"""The page on the HTTP API names every route there is, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Route

from beamloom.control.http import make_app as controller_app
from beamloom.results.files.http import file_route
from beamloom.results.http import make_app as reducer_app
from beamloom.results.past import PastRuns
from beamloom.services.controller.service import ControllerService
from beamloom.services.reducer.snapshots import SnapshotDesk
from beamloom.services.worker.debugworker import LastEvents
from beamloom.services.worker.debugworker import make_app as debugworker_app
from beamloom.settings import ControllerSettings
from beamloom.transport.memory import Exchange
from beamloom.transport.messages import CONTROLLER

ROW = re.compile(r"^\| `(GET|POST) (/[^`]*)`", re.MULTILINE)


def served(app: Starlette) -> set[tuple[str, str]]:
    return {
        (method, re.sub(r":(path|int)}", "}", route.path))
        for route in app.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }


def documented(repository: Path, heading: str) -> set[tuple[str, str]]:
    page = (repository / "docs/reference/http-api.md").read_text()
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return set(ROW.findall(section))


def test_the_routes_of_the_controller_are_documented(repository: Path) -> None:
    service = ControllerService(ControllerSettings(), Exchange().channel(CONTROLLER))
    assert documented(repository, "The controller") == served(controller_app(service))


def test_the_routes_of_the_reducer_are_documented(repository: Path) -> None:
    desk = SnapshotDesk(lambda: None)
    app = reducer_app(desk, past=PastRuns(), more_routes=[file_route(desk, lambda: None)])
    assert documented(repository, "The reducer") == served(app)


def test_the_routes_of_a_debug_worker_are_documented(repository: Path) -> None:
    assert documented(repository, "A debug worker") == served(debugworker_app(LastEvents(1)))
