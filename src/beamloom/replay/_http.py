"""A replay over HTTP: the results where the reducer has them, and the controller's API, on one port.

Both have something at ``/``: pages are for browsers, which ask for HTML, and HDF5 over HTTP is for everybody else.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.routing import Match, Mount
from starlette.types import Scope

from beamloom.control.http import make_app as control_app
from beamloom.results.hdf5 import hdf5_routes, is_question
from beamloom.results.http import make_app as results_app
from beamloom.results.http import result_routes
from beamloom.services.inline import InlinePipeline
from beamloom.transport.http_server import HttpServer


class ReplayServer(HttpServer):
    """Serves an inline pipeline on localhost."""

    def __init__(self, pipeline: InlinePipeline, port: int) -> None:
        control = control_app(pipeline.controller, pipeline.capsules, results_at=lambda: self.url)
        routes = [
            *result_routes(pipeline.desk),
            _FrontPage("/", control),
            *hdf5_routes(pipeline.desk),
            Mount("/", control),
        ]
        app = results_app(pipeline.desk, cors=True, more_routes=routes)
        super().__init__(app, "127.0.0.1", port, is_question=is_question)


class _FrontPage(Mount):
    """The root of an application, for browsers alone."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        wanted = scope["type"] == "http" and scope["path"] == "/"
        if not wanted or "text/html" not in Headers(scope=scope).get("accept", ""):
            return Match.NONE, {}
        return super().matches(scope)
