"""The debug worker: sees the events that the trigger map sends to its tag, keeps the last of them, and serves them over HTTP."""

from __future__ import annotations

import os

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from beamloom.access import access_of
from beamloom.detectors.packets import owned
from beamloom.events import Event
from beamloom.glance.event_view import show_event
from beamloom.glance.kept import KeptEvents
from beamloom.glance.kept_routes import kept_routes
from beamloom.glance.page import LAST_EVENTS_PAGE
from beamloom.parameters import ParameterSet
from beamloom.results.encodings import PICKLE, as_pickle
from beamloom.results.plain import to_json
from beamloom.services.shell.guard import start_guard
from beamloom.services.shell.health import NOBODY_HEARS, Health
from beamloom.services.shell.heartbeat import Heartbeats
from beamloom.services.shell.loop import EndOfService
from beamloom.services.shell.loop import serve as serve_loop
from beamloom.services.shell.mailbox import http_known_as, keys_of, open_mailbox
from beamloom.services.shell.membership import first_of, new_peer_id
from beamloom.services.worker.service import WorkerService
from beamloom.services.worker.user_map import Map
from beamloom.settings import DebugWorkerSettings
from beamloom.transport.http_server import HttpServer


class LastEvents(Map):
    """A map that keeps what it sees and returns nothing."""

    def __init__(self, keep: int) -> None:
        super().__init__(None)
        self.kept = KeptEvents(keep)

    def process(self, event: Event, parameters: ParameterSet, tick: bool) -> None:
        """Keep the event, its frames as plain bytes."""
        self.kept.add(Event(event.event_number, owned(event.streams)))

    def last(self, number: int) -> list[Event]:
        """The last ``number`` events, oldest first."""
        return [kept.event for kept in self.kept.last(number)]


def make_app(events: LastEvents) -> Starlette:
    """The HTTP interface: events as pickle for scripts, as JSON with thumbnails for whoever asks for that, and as a page."""

    async def page(request: Request) -> Response:
        return HTMLResponse(LAST_EVENTS_PAGE)

    async def status(request: Request) -> Response:
        return _json(b"true")

    # No coroutine: unpacking and drawing take a while, and Starlette calls it in a thread.
    def last_events(request: Request) -> Response:
        text = request.query_params.get("number", "1")
        if not text.isdecimal():
            return _refused(f"number is a count of events, not {text!r}")
        wanted = request.query_params.get("format") or _accepted(request.headers.get("accept", ""))
        version = {
            "etag": f'"{wanted}-{text}-{events.kept.version}"',
            "cache-control": "no-cache",
            "vary": "accept",
        }
        if request.headers.get("if-none-match") == version["etag"]:
            return Response(status_code=304, headers=version)
        found = events.last(int(text))
        match wanted:
            case "json":
                return _json(to_json([show_event(event) for event in found]), headers=version)
            case "pickle":
                return Response(as_pickle(found), headers=version, media_type=PICKLE.media_type)
        return _refused(f"there is no format {wanted!r}; ask for json or pickle")

    routes = [
        Route("/", page),
        Route("/api/v1/status", status),
        Route("/api/v1/last_events", last_events),
        *kept_routes(events.kept),
    ]
    anybody = Middleware(CORSMiddleware, allow_origins=["*"], allow_headers=["*"], expose_headers=["ETag"])
    return Starlette(routes=routes, middleware=[anybody])


def _accepted(accept: str) -> str:
    """Pickle is what plain clients, who accept anything, have always got."""
    return "json" if "json" in accept else "pickle"


def _refused(sentence: str) -> Response:
    return _json(to_json({"detail": sentence}), 400)


def _json(content: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(content, status, headers, media_type="application/json")


def serve(settings: DebugWorkerSettings, health: Health = NOBODY_HEARS) -> int:
    """Run a debug worker in this process until it is told to end."""
    events = LastEvents(settings.keep_events)
    keys = keys_of(settings)
    notes = start_guard(first_of(settings.controller), settings.heartbeat_interval, keys)
    server = HttpServer(
        make_app(events), settings.http_host, settings.http_port, access_of(settings, os.environ)
    )
    try:
        http = server.start_as(http_known_as(settings))
        channel = open_mailbox(settings, keys, new_peer_id(settings.name))
        end = EndOfService(notes.will_end)
        service = WorkerService(
            settings,
            channel,
            settings.controller,
            lambda: events,
            "debugworker",
            http,
            notes=notes,
            end=end.ask,
        )
        beats = Heartbeats(
            channel, settings, service.member, service.figures, service.notes, keys=keys, health=health
        )
        try:
            return serve_loop(service, channel, lambda: service.member.ended, end)
        finally:
            beats.close()
    finally:
        server.stop()
