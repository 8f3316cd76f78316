"""The documents of controller and reducer: every route is in them, and they are documents."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from beamloom.control.http import make_app as controller_app
from beamloom.openapi import Told, document
from beamloom.results.files.http import file_route
from beamloom.results.hdf5 import is_question
from beamloom.results.http import make_app as reducer_app
from beamloom.results.past import PastRuns
from beamloom.services.controller.service import ControllerService
from beamloom.services.reducer.snapshots import SnapshotDesk
from beamloom.settings import ControllerSettings
from beamloom.transport.http_server import HttpServer
from beamloom.transport.memory import Exchange
from beamloom.transport.messages import CONTROLLER
from support.patience import PATIENCE


def of_controller() -> Starlette:
    return controller_app(ControllerService(ControllerSettings(), Exchange().channel(CONTROLLER)))


def of_reducer() -> Starlette:
    desk = SnapshotDesk(lambda: None)
    return reducer_app(desk, past=PastRuns(), more_routes=[file_route(desk, lambda: None)])


APPS = pytest.mark.parametrize("app", [of_controller(), of_reducer()], ids=["controller", "reducer"])


def written(app: Starlette) -> dict[str, Any]:
    with HttpServer(app) as server:
        found: dict[str, Any] = requests.get(f"{server.url}/openapi.json", timeout=PATIENCE).json()
        return found


@APPS
def test_the_document_has_every_route_and_no_other(app: Starlette) -> None:
    served = {
        (re.sub(r":\w+}", "}", route.path), method.lower())
        for route in app.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    paths = written(app)["paths"]
    assert {(path, method) for path, operations in paths.items() for method in operations} == served


@APPS
def test_every_operation_is_told_in_words_and_has_a_name_of_its_own(app: Starlette) -> None:
    operations = [operation for path in written(app)["paths"].values() for operation in path.values()]
    assert all(operation["summary"] for operation in operations)
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))


@APPS
def test_every_schema_is_one_and_is_found(app: Starlette) -> None:
    told = written(app)
    schemas = told["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    refs = re.findall(r"'\$ref': '#/components/schemas/([^']+)'", repr(told))
    assert refs
    assert set(refs) <= set(schemas)


@APPS
def test_the_page_for_people_asks_nobody_else(app: Starlette) -> None:
    with HttpServer(app) as server:
        page = requests.get(f"{server.url}/docs", timeout=PATIENCE)
    assert page.headers["content-type"].startswith("text/html")
    assert "GET /api/v1/status" in page.text
    assert re.findall(r"(?:src|href)=\"([^\"]+)\"", page.text) == ["data:,", "openapi.json"]
    assert "http:" not in page.text
    assert "<script" not in page.text


def test_questions_of_the_table_are_those_of_the_gate() -> None:
    posted = [
        route for route in of_reducer().routes if isinstance(route, Told) and "POST" in (route.methods or ())
    ]
    assert posted
    for route in posted:
        assert route.asks == is_question(route.path.replace("{id}", "d-1"))
    assert not any(route.asks for route in of_controller().routes if isinstance(route, Told))


def test_a_route_that_tells_nothing_is_not_served_by_the_controller() -> None:
    async def silent(request: Request) -> Response:
        return Response()

    assert document("Nothing", [Route("/silent", silent)])["paths"] == {}
