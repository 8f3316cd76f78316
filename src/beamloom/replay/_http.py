"""A replay over HTTP: the results where the reducer has them, and the controller's API, on one port."""

from __future__ import annotations

from starlette.routing import Mount

from beamloom.control.http import make_app as control_app
from beamloom.results.http import make_app as results_app
from beamloom.results.http import result_routes
from beamloom.services.inline import InlinePipeline
from beamloom.transport.http_server import HttpServer


class ReplayServer(HttpServer):
    """Serves an inline pipeline on localhost."""

    def __init__(self, pipeline: InlinePipeline, port: int) -> None:
        routes = [*result_routes(pipeline.desk), Mount("/", control_app(pipeline.controller))]
        super().__init__(results_app(pipeline.desk, cors=True, more_routes=routes), "127.0.0.1", port)
