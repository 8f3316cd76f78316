"""The debug worker: sees the events that the trigger map sends to its tag, keeps the last of them, and serves them over HTTP."""

from __future__ import annotations

import pickle
from collections import deque
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from beamloom.events import Event, Packet
from beamloom.parameters import ParameterSet
from beamloom.services.heartbeat import Heartbeats
from beamloom.services.loop import serve as serve_loop
from beamloom.services.membership import new_peer_id
from beamloom.services.worker import Map, WorkerService
from beamloom.settings import DebugWorkerSettings
from beamloom.transport.http_server import HttpServer
from beamloom.transport.zeromq import ZmqChannel


class LastEvents(Map):
    """A map that keeps what it sees and returns nothing."""

    def __init__(self, keep: int) -> None:
        super().__init__(None)
        self._events: deque[Event] = deque(maxlen=keep)

    def process(self, event: Event, parameters: ParameterSet, tick: bool) -> None:
        """Keep the event, its frames as plain bytes."""
        packets = {stream: packet.get_bytes() for stream, packet in event.streams.items()}
        self._events.append(Event(event.event_number, packets))

    def last(self, number: int) -> list[Event]:
        """The last ``number`` events, oldest first."""
        return list(self._events)[-number:] if number > 0 else []


def make_app(events: LastEvents) -> Starlette:
    """The HTTP interface: events as pickle, for those who unpickle, and as JSON, for those who look."""

    async def status(request: Request) -> Response:
        return _json(True)

    async def last_events(request: Request) -> Response:
        text = request.query_params.get("number", "1")
        if not text.isdecimal():
            return _json({"detail": f"number is a count of events, not {text!r}"}, 400)
        found = events.last(int(text))
        if "json" in request.headers.get("accept", ""):
            return _json([_described(event) for event in found])
        return Response(pickle.dumps(found), media_type="application/x.pickle")

    routes = [Route("/api/v1/status", status), Route("/api/v1/last_events", last_events)]
    return Starlette(routes=routes, middleware=[Middleware(CORSMiddleware, allow_origins=["*"])])


def _described(event: Event) -> dict[str, Any]:
    return {
        "event_number": event.event_number,
        "streams": {stream: _packet(packet) for stream, packet in event.streams.items()},
    }


def _packet(packet: Packet) -> dict[str, Any]:
    return {"typ": packet.typ, "number": packet.number, "frames": [_frame(frame) for frame in packet.frames]}


def _frame(frame: bytes) -> dict[str, Any]:
    shown = frame[:200].decode(errors="replace")
    return {"bytes": len(frame), "begins": shown}


def _json(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def serve(settings: DebugWorkerSettings) -> int:
    """Run a debug worker in this process until it is told to end."""
    events = LastEvents(settings.keep_events)
    server = HttpServer(make_app(events), settings.http_host, settings.http_port)
    try:
        http = f"http://{settings.advertise or settings.http_host}:{server.start()}"
        channel = ZmqChannel(new_peer_id(settings.name), settings.bind, advertise=settings.advertise)
        service = WorkerService(settings, channel, settings.controller, lambda: events, "debugworker", http)
        beats = Heartbeats(channel, settings, service.member, service.figures)
        try:
            return serve_loop(service, channel, lambda: service.member.ended)
        finally:
            beats.close()
    finally:
        server.stop()
