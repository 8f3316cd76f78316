"""No route of any service lets in somebody without a token, and none commands for the token that only reads."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from beamloom.access import Access, new_tokens
from beamloom.control.http import make_app as controller_app
from beamloom.results.files.http import file_route
from beamloom.results.hdf5 import is_question
from beamloom.results.http import make_app as reducer_app
from beamloom.results.past import PastRuns
from beamloom.services.controller.service import ControllerService
from beamloom.services.reducer.snapshots import SnapshotDesk
from beamloom.services.worker.debugworker import LastEvents
from beamloom.services.worker.debugworker import make_app as debugworker_app
from beamloom.settings import ControllerSettings
from beamloom.transport.http_server import HttpServer
from beamloom.transport.memory import Exchange
from beamloom.transport.messages import CONTROLLER
from support.patience import PATIENCE

TOKENS = new_tokens()
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def of_controller() -> Starlette:
    return controller_app(ControllerService(ControllerSettings(), Exchange().channel(CONTROLLER)))


def of_reducer() -> Starlette:
    desk = SnapshotDesk(lambda: None)
    return reducer_app(desk, cors=True, past=PastRuns(), more_routes=[file_route(desk, lambda: None)])


def of_debug_worker() -> Starlette:
    return debugworker_app(LastEvents(1))


SERVICES = pytest.mark.parametrize("make", [of_controller, of_reducer, of_debug_worker])


@contextmanager
def guarded(app: Starlette) -> Iterator[str]:
    with HttpServer(app, access=Access(TOKENS), is_question=is_question) as server:
        yield server.url


def paths(app: Starlette) -> list[str]:
    return [
        route.path.replace(":path", "").replace("{", "").replace("}", "")
        for route in app.routes
        if isinstance(route, (Route, WebSocketRoute))
    ]


@SERVICES
def test_an_intruder_is_turned_away_from_every_route_by_every_method(make: type[Starlette]) -> None:
    app = make()
    with guarded(app) as url, requests.Session() as session:
        found = paths(app)
        assert found
        for path in [*found, "/no/such/thing"]:
            for method in METHODS:
                answer = session.request(method, f"{url}{path}", timeout=PATIENCE)
                assert answer.status_code == 401, (method, path)


@SERVICES
def test_the_token_that_reads_commands_nothing(make: type[Starlette]) -> None:
    app = make()
    reading = {"Authorization": f"Bearer {TOKENS.read}"}
    with guarded(app) as url, requests.Session() as session:
        for route in app.routes:
            if isinstance(route, Route) and "POST" in (route.methods or ()) and not is_question(route.path):
                answer = session.post(f"{url}{route.path}", headers=reading, timeout=PATIENCE)
                assert answer.status_code == 403, route.path


def test_no_websocket_opens_for_an_intruder() -> None:
    app = of_reducer()
    sockets = [route.path for route in app.routes if isinstance(route, WebSocketRoute)]
    assert sockets
    with guarded(app) as url:
        for path in sockets:
            with pytest.raises(InvalidStatus) as refused:
                connect(f"{url.replace('http', 'ws')}{path}", proxy=None)
            assert refused.value.response.status_code == 401


def test_tokens_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = TOKENS.control
    with guarded(of_debug_worker()) as url:
        requests.get(f"{url}/api/v1/status?token={secret}", timeout=PATIENCE)
        requests.get(f"{url}/api/v1/status", headers={"Authorization": f"Bearer {secret}"}, timeout=PATIENCE)
        requests.get(f"{url}/{secret}", timeout=PATIENCE)
    # The client of this test is in the same process, and tells what it asks for.
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("urllib3")]
    assert not [line for line in ours if secret in line]
