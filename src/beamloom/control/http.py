"""The controller's HTTP API: the paths that scan software already calls, and those that show runs, ledger and errors.

A handler does nothing itself: it has the controller's thread compute the answer. Whatever a client sends wrongly is answered with a
sentence under ``detail`` and a status of 4xx.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from beamloom import metrics
from beamloom.control import (
    doctor_view,
    ensemble_views,
    error_views,
    event_story,
    event_stream,
    trace_view,
    views,
)
from beamloom.control.dashboard import dashboard_routes
from beamloom.control.figures import figures_of
from beamloom.control.relay import REDUCER, Relay, relay_routes
from beamloom.control.table import routes_of
from beamloom.engine.budget import Budget
from beamloom.errors import UserError
from beamloom.openapi import Told, with_document
from beamloom.parameters import Parameters, encode_value, readable
from beamloom.transport.tracing import MOST_SPANS
from beamloom.triggermap import TriggerMap, TriggerMapError, uniform

T = TypeVar("T")
LOG_POLL_SECONDS = 0.2
MOST_POINTS = 10**9
"""Of a scan; event numbers have 64 bits."""


class Controller(Protocol):
    """What the API needs of the controller; all but ``ask`` is touched in the controller's thread only."""

    active: Any
    past: Any
    logbook: Any
    parameters: Parameters
    ensemble: Any
    settings: Any
    epochs: Any

    @property
    def nameable(self) -> list[str]:
        """What a trigger map may name now: streams and detectors."""

    def ask(self, command: Callable[[], T]) -> Future[T]:
        """Have a command called in the controller's thread."""

    def arm(
        self,
        trigger_map: TriggerMap,
        reply: Callable[[str | Exception], None],
        now: float,
        budget: Budget | None = None,
        idle_limit: float | None = None,
    ) -> None:
        """Begin a run; where the settings differ: how many events may fail, and for how long (s) nothing may come."""

    def stop(self, cause: str) -> None:
        """End the run that goes on."""

    def set_parameters(self, values: dict[str, bytes]) -> str:
        """Set parameters as one epoch; returns the hash of the new set."""


class BadRequest(UserError):
    """A request that makes no sense; the text says why."""


STATUS: dict[str, int] = {"NotThere": 424, "ArmingRefused": 409, "NoSuchEvent": 404, "NoTrace": 409}
"""Status by class of error; all other errors that are meant for people are 400."""


def make_app(
    controller: Controller,
    capsules: Path | None = None,
    tls: ssl.SSLContext | None = None,
    results_at: Callable[[], str] | None = None,
) -> Starlette:
    """The API and the dashboard as an ASGI application.

    ``capsules``: the folder of those that it hands out; ``tls``: what checks the certificates of the processes whose pages are passed on;
    ``results_at``: where the results are served, where no reducer says so itself.
    """
    api = _Api(controller)

    async def address_of(name: str) -> str | None:
        if name == REDUCER and results_at is not None:
            return results_at()
        return await api.address_of(name)

    relay = Relay(address_of, tls)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await relay.close()

    routes = [*dashboard_routes(), *relay_routes(relay), *routes_of(api, capsules)]
    cors = Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "POST"], allow_headers=["*"])
    return Starlette(
        routes=[*map(_guarded, with_document("The controller of Beamloom", routes))],
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
            return _json({"detail": str(error)}, STATUS.get(type(error).__name__, 400))
        return response

    return route.around(answer)


async def _no_such_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    path = request.url.path
    if status == 404:
        return _json({"detail": f"there is nothing at {path}; the API is under /api/v1"}, 404)
    if status == 405:
        return _json(
            {"detail": f"{request.method} is not possible at {path}"}, 405, getattr(error, "headers", None)
        )
    return _json({"detail": str(getattr(error, "detail", error))}, status)


class _Api:
    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    async def _ask(self, command: Callable[[], T]) -> T:
        return await asyncio.wrap_future(self._controller.ask(command))

    async def _show(self, view: Callable[[Any], Any]) -> Response:
        return _json(await self._ask(lambda: view(self._controller.active)))

    async def hosts(self) -> dict[str, str]:
        """Where the processes are that take part, by their names; for other routes."""
        return await self._ask(
            lambda: {member.name: member.register.host for member in self._controller.ensemble}
        )

    # ---- runs -------------------------------------------------------------------------------------------------------------

    async def arm_sequence(self, request: Request) -> Response:
        """Begin a run of parts and their sequence."""
        return await self._arm(request, TriggerMap.from_json)

    async def arm_mapping(self, request: Request) -> Response:
        """Begin a run of a map that is one part (deprecated form)."""
        return await self._arm(request, TriggerMap.from_mapping)

    async def _arm(self, request: Request, read: Callable[..., TriggerMap]) -> Response:
        body = await request.body()
        wrap = _flag(request, "all_wrap", default=True)
        budget = await self._budget(request)
        trigger_map = await asyncio.to_thread(read, body, all_wrap=wrap)
        return _json(await self._begin(trigger_map, budget, _seconds(request, "idle_limit")))

    async def _budget(self, request: Request) -> Budget | None:
        """How many events may fail, where the request says so; what it leaves out is as the settings have it."""
        given = request.query_params
        if "max_failed" not in given and "on_max_failed" not in given:
            return None
        settings = await self._ask(lambda: self._controller.settings)
        what = given.get("on_max_failed", settings.on_max_failed)
        if what not in ("degrade", "stop"):
            raise BadRequest(f"on_max_failed is degrade or stop, not {what!r}")
        try:
            return Budget.of(given.get("max_failed", settings.max_failed), stop=what == "stop")
        except ValueError as error:
            raise BadRequest(str(error)) from None

    async def _begin(
        self, trigger_map: TriggerMap, budget: Budget | None = None, idle_limit: float | None = None
    ) -> str:
        armed: Future[str] = Future()

        def reply(outcome: str | Exception) -> None:
            if not armed.set_running_or_notify_cancel():
                return  # the client has gone; the run goes on without it
            if isinstance(outcome, Exception):
                armed.set_exception(outcome)
            else:
                armed.set_result(outcome)

        await self._ask(
            lambda: self._controller.arm(trigger_map, reply, time.monotonic(), budget, idle_limit)
        )
        return await asyncio.wrap_future(armed)

    async def sardana_hook(self, request: Request) -> Response:
        """Begin a run of as many uniform events as the scan has points (deprecated)."""
        body = _decode(await request.body())
        scan = body.get("scan") if isinstance(body, dict) else None
        if not isinstance(scan, dict):
            return _json("no scan info")
        if "nb_points" not in scan:
            return _json("no nb_points in scan")
        wanted = body.get("streams")
        if not isinstance(wanted, list):
            return _json("streams required")
        if not all(isinstance(stream, str) for stream in wanted):
            raise BadRequest('streams is a list of names, such as ["eiger", "orca"]')
        points = scan["nb_points"]
        if not isinstance(points, int) or isinstance(points, bool) or not 1 <= points <= MOST_POINTS:
            raise BadRequest(
                f"nb_points is {str(points)[:40]}; it has to be a whole number from 1 to {MOST_POINTS}"
            )
        there = await self._ask(lambda: self._controller.nameable)
        streams = [stream for stream in wanted if stream in there]
        if not streams:
            raise BadRequest(
                f"none of the streams {wanted} is there; there are {', '.join(there) or 'none'}: "
                "start an ingester for one of them, or correct the names"
            )
        return _json(await self._begin(uniform(streams, points)))

    async def sequence(self, request: Request) -> Response:
        """The trigger map of the run."""
        active = await self._ask(lambda: self._controller.active)
        if active is None:
            return _json({"parts": {}, "sequence": []})
        body = await asyncio.to_thread(active.written.encode)
        return Response(body, media_type="application/json")

    async def stop(self, request: Request) -> Response:
        """End the run that goes on."""
        await self._ask(lambda: self._controller.stop("asked to stop over HTTP"))
        return _json(None)

    async def progress(self, request: Request) -> Response:
        """How far the run is."""
        return await self._of_controller(ensemble_views.progress)

    async def ledger(self, request: Request) -> Response:
        """The account of the run."""
        return await self._show(views.ledger)

    async def coverage(self, request: Request) -> Response:
        """Which events are in the result, which are not, and why."""
        return await self._show(views.coverage)

    async def errors(self, request: Request) -> Response:
        """What failed, with tracebacks; of the run that ``run`` names, else of the present one."""
        wanted = request.query_params.get("run")
        if wanted is None:
            return await self._show(error_views.errors)

        def listed() -> list[dict[str, Any]] | None:
            records = [self._controller.active, *self._controller.past]
            found = [one for one in records if one is not None and one.digest.run == wanted]
            return error_views.errors(found[0]) if found else None

        answer = await self._ask(listed)
        if answer is None:
            return _json(
                {"detail": f"there is no run {wanted!r}; /api/v1/runs lists those that there are"}, 404
            )
        return _json(answer)

    async def events(self, request: Request) -> Response:
        """What became of events, as it happens, without end."""

        def look(
            known: event_stream.Mark,
        ) -> Awaitable[tuple[event_stream.Mark, event_stream.Account | None]]:
            return self._ask(lambda: event_stream.account_of(self._controller.active, known))

        body = event_stream.lines(look, request.is_disconnected)
        return StreamingResponse(body, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})

    async def runs(self, request: Request) -> Response:
        """The runs since the controller was started, newest first."""

        def listed() -> list[dict[str, Any]]:
            active = self._controller.active
            records = [*self._controller.past, *([] if active is None else [active])]
            reducer = self._controller.ensemble.reducer
            http = None if reducer is None else reducer.register.http
            return [views.summary(record, http) for record in reversed(records)]

        return _json(await self._ask(listed))

    # ---- processes --------------------------------------------------------------------------------------------------------

    async def _of_controller(self, view: Callable[[Any], Any]) -> Response:
        return _json(await self._ask(lambda: view(self._controller)))

    async def address_of(self, name: str) -> str | None:
        """Where a process shows what it has, the reducer under the empty name."""

        def http() -> str | None:
            ensemble = self._controller.ensemble
            workers = {member.name: member for member in ensemble.workers}
            member = ensemble.reducer if name == REDUCER else workers.get(name)
            return None if member is None else member.register.http

        return await self._ask(http)

    async def config(self, request: Request) -> Response:
        """The processes that take part."""
        return await self._of_controller(ensemble_views.config)

    async def status(self, request: Request) -> Response:
        """The run in detail, in the form that existing tools read."""
        return await self._of_controller(ensemble_views.status)

    async def load(self, request: Request) -> Response:
        """How busy the workers are, over the last so many events and over the run; where the time of all processes goes."""
        try:
            intervals = [int(text) for text in request.query_params.getlist("intervals")] or [1, 10]
        except ValueError:
            raise BadRequest(
                "intervals are whole numbers of events, such as ?intervals=1&intervals=10"
            ) from None
        scan = _flag(request, "scan", default=True)
        with_stages = _flag(request, "stages", default=False)
        return await self._of_controller(
            lambda controller: ensemble_views.load(controller, intervals, scan, with_stages)
        )

    async def streams(self, request: Request) -> Response:
        """What became of the packets of each stream."""
        return await self._of_controller(ensemble_views.streams)

    async def doctor(self, request: Request) -> Response:
        """What is wrong, since when, and what to do."""
        return await self._of_controller(doctor_view.diagnosis)

    async def event(self, request: Request) -> Response:
        """The story of one event."""
        told: Future[dict[str, Any]] = Future()
        number, run = request.path_params["number"], request.query_params.get("run", "")

        def reply(story: dict[str, Any]) -> None:
            if told.set_running_or_notify_cancel():
                told.set_result(story)

        await self._ask(lambda: event_story.ask(self._controller, run, number, time.monotonic(), reply))
        return _json(await asyncio.wrap_future(told))

    async def begin_trace(self, request: Request) -> Response:
        """Have all processes keep what their loops do."""
        text = request.query_params.get("spans", str(trace_view.USUAL_SPANS))
        if not text.isdecimal() or not 0 < int(text) <= MOST_SPANS:
            raise BadRequest(f"spans is a number from 1 to {MOST_SPANS}, not {text!r:.40}")
        return await self._of_controller(lambda controller: trace_view.begin(controller, int(text)))

    async def trace(self, request: Request) -> Response:
        """End the trace, and give it in the form of Chrome and Perfetto."""
        told: Future[dict[str, Any]] = Future()

        def reply(trace: dict[str, Any]) -> None:
            if told.set_running_or_notify_cancel():
                told.set_result(trace)

        await self._ask(lambda: trace_view.ask(self._controller, time.monotonic(), reply))
        return _json(await asyncio.wrap_future(told))

    async def metrics(self, request: Request) -> Response:
        """Figures of the run, the streams and the processes, for Prometheus."""
        text = await self._ask(lambda: metrics.page(figures_of(self._controller, time.monotonic())))
        return Response(text, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def health(self, request: Request) -> Response:
        """Whether a run could be armed now, and why not."""
        answer = await self._ask(lambda: ensemble_views.health(self._controller))
        return _json(answer, 200 if answer["ready"] else 503)

    # ---- parameters -------------------------------------------------------------------------------------------------------

    async def parameters(self, request: Request) -> Response:
        """The descriptions of all parameters, by name."""
        return _json(await self._ask(self._controller.parameters.listing))

    async def parameter_epochs(self, request: Request) -> Response:
        """The values that hold now, and those of the run with the event that each set holds from."""

        def view() -> dict[str, Any]:
            active = self._controller.active
            return {
                "epoch": self._controller.epochs.number,
                "values": readable(self._controller.parameters.current),
                "run": None if active is None else active.run.run_id,
                "epochs": [] if active is None else msgspec.to_builtins(active.epochs),
            }

        return _json(await self._ask(view))

    async def set_parameters(self, request: Request) -> Response:
        """Set several parameters as one epoch; the body is a mapping of names to values."""
        body = _decode(await request.body())
        if not isinstance(body, dict):
            raise BadRequest('the body has to be a mapping, such as {"roi_start": 120}')
        values = {name: encode_value(name, value) for name, value in body.items()}
        return _json(await self._ask(lambda: self._controller.set_parameters(values)))

    async def parameter(self, request: Request) -> Response:
        """The value of one parameter, as bytes."""
        name = request.path_params["name"]

        def value() -> bytes | None:
            current = self._controller.parameters.current
            return current[name].data if name in current else None

        found = await self._ask(value)
        if found is None:
            return _json({"detail": "Parameter not found"}, 404)
        return Response(found, media_type="application/x.bytes")

    async def set_parameter(self, request: Request) -> Response:
        """Set one parameter to the bytes of the body; answers the hash of the new set."""
        name, data = request.path_params["name"], await request.body()
        return _json(await self._ask(lambda: self._controller.set_parameters({name: data})))

    # ---- logs -------------------------------------------------------------------------------------------------------------

    async def logs(self, request: Request) -> Response:
        """The latest log lines of all processes, oldest first."""
        least = _LEVELS.get(request.query_params.get("level", "INFO").upper())
        if least is None:
            raise BadRequest(f"level is one of {', '.join(_LEVELS)}")
        lines = await self._ask(lambda: list(self._controller.logbook.lines))
        return _json([line for line in lines if _LEVELS.get(line["levelname"], 0) >= least])

    async def log_stream(self, request: Request) -> Response:
        """New log lines as they come, one JSON object a line, without end."""
        seen = await self._ask(lambda: self._controller.logbook.count)

        async def lines() -> AsyncIterator[bytes]:
            nonlocal seen
            while not await request.is_disconnected():
                count, kept = await self._ask(
                    lambda: (self._controller.logbook.count, list(self._controller.logbook.lines))
                )
                for line in kept[len(kept) - min(count - seen, len(kept)) :]:
                    yield msgspec.json.encode(line) + b"\n"
                seen = count
                await asyncio.sleep(LOG_POLL_SECONDS)

        return StreamingResponse(lines(), media_type="application/x-ndjson")


_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


def _json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise BadRequest("the body is nested too deeply; nothing here is") from None


def _seconds(request: Request, name: str) -> float | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise BadRequest(f"{name} is a time in seconds above 0, such as {name}=30, not {text!r}")
    return seconds


def _flag(request: Request, name: str, *, default: bool) -> bool:
    text = request.query_params.get(name)
    if text is None:
        return default
    if text.lower() not in ("true", "1", "yes", "false", "0", "no"):
        raise BadRequest(f"{name} is true or false, not {text!r}")
    return text.lower() in ("true", "1", "yes")
