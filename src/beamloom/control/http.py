"""The controller's HTTP application: the dashboard, the API, and what is passed on to other processes.

A refusal is answered with a sentence under ``detail`` and a status of 4xx.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from beamloom.control.answers.feedback import FeedbackAnswers, feedback_socket_route
from beamloom.control.answers.logs import LogAnswers
from beamloom.control.answers.parameters import ParameterAnswers
from beamloom.control.answers.plans import PlanAnswers
from beamloom.control.answers.processes import ProcessAnswers
from beamloom.control.answers.shadow import ShadowAnswers
from beamloom.control.answers.workers import WorkerAnswers
from beamloom.control.asking import Controller, as_json
from beamloom.control.dashboard import dashboard_routes
from beamloom.control.relay import REDUCER, Relay, relay_routes
from beamloom.control.rules.host import RulesHost
from beamloom.control.rules.passing_on import PassingOn
from beamloom.control.table import V1, routes_of
from beamloom.errors import UserError
from beamloom.openapi import Told, with_document
from beamloom.triggermap import TriggerMapError

STATUS: dict[str, int] = {
    "NotThere": 424,
    "ArmingRefused": 409,
    "NoSuchEvent": 404,
    "RunOfAnotherVersion": 404,
    "NoTrace": 409,
    "NotUnderstood": 502,
    "NoLauncher": 409,
    "NoWorker": 404,
    "ServiceEnds": 503,
    "UpdateRefused": 409,
    "UpdateTooSlow": 424,
    "NoShadow": 404,
    "ShadowRefused": 409,
    "ShadowTooSlow": 424,
}
"""Status by class of error; all other errors that are meant for people are 400."""


class Api(
    PlanAnswers, ProcessAnswers, WorkerAnswers, ShadowAnswers, ParameterAnswers, LogAnswers, FeedbackAnswers
):
    """All that can be asked."""


def make_app(
    controller: Controller,
    capsules: Path | None = None,
    tls: ssl.SSLContext | None = None,
    results_at: Callable[[], str] | None = None,
    rules: RulesHost | None = None,
) -> Starlette:
    """The API and the dashboard as an ASGI application.

    ``capsules``: the folder of those that it hands out; ``tls``: what checks the certificates of the processes whose pages are passed on;
    ``results_at``: where the results are served, where no reducer says so itself; ``rules``: who works off rules.
    """
    api = Api(controller)

    async def address_of(name: str) -> str | None:
        if name == REDUCER and results_at is not None:
            return results_at()
        return await api.address_of(name)

    relay = Relay(address_of, tls)
    passing_on = PassingOn(rules)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await relay.close()
        await passing_on.close()

    routes = [*dashboard_routes(), *relay_routes(relay), *passing_on.routes(), *routes_of(api, capsules)]
    cors = Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "POST"], allow_headers=["*"])
    told = map(_guarded, with_document("The controller of Beamloom", routes))
    return Starlette(
        # The same address as a WebSocket and as a stream of events.
        routes=[feedback_socket_route(f"{V1}/feedback/stream", api), *told],
        middleware=[cors],
        exception_handlers={HTTPException: _no_such_route},
        lifespan=lifespan,
    )


def _guarded(route: BaseRoute) -> BaseRoute:
    """The same route with errors for people turned into answers."""
    if not isinstance(route, Told):
        raise TypeError(f"{route!r} does not tell what it answers; make it with beamloom.openapi.Told")
    endpoint = route.endpoint

    async def answer(request: Request) -> Response:
        try:
            response: Response = await endpoint(request)
        except (UserError, TriggerMapError) as error:
            return as_json({"detail": str(error)}, STATUS.get(type(error).__name__, 400))
        return response

    return route.around(answer)


async def _no_such_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    path = request.url.path
    detail = str(getattr(error, "detail", error))
    if status == 404 and detail == "Not Found":  # what Starlette says of a path without a route
        return as_json({"detail": f"there is nothing at {path}; the API is under /api/v1"}, 404)
    if status == 405:
        return as_json(
            {"detail": f"{request.method} is not possible at {path}"}, 405, getattr(error, "headers", None)
        )
    return as_json({"detail": detail}, status)
