"""Clients that ask for what has no end and read none of it: nothing piles up for them, and all others are served."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.sync.client import connect

from beamloom.control.answers import logs as log_answers
from beamloom.control.relay import Relay, relay_routes
from beamloom.control.views import event_stream
from beamloom.control.views.event_stream import Account, Mark
from beamloom.results import following
from beamloom.results.following import Follower, Wish
from beamloom.results.http import make_app
from beamloom.results.snapshot import Snapshot
from beamloom.results.updates import _Updates
from beamloom.transport import http_server
from beamloom.transport.http_server import HttpServer
from control.live import Live
from results.publishing import Publisher, published
from support.patience import PATIENCE

HIGH_WATER = 1 << 16
"""Of asyncio: who has more than this to take is not sent more."""
UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
PING = bytes([0x89, 0x80 | 125, 0, 0, 0, 0]) + b"p" * 125
"""As a client sends it, with a mask that changes nothing."""


def asks(server: HttpServer, path: str, more: str = "") -> socket.socket:
    """A client that has asked, and has read the header of the answer alone."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(PATIENCE)
    client.connect((server.host, server.port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode())
    header = b""
    while not header.endswith(b"\r\n\r\n"):
        header += client.recv(1)
    assert header[9:12] in (b"200", b"101"), header
    return client


def waiting(server: HttpServer) -> list[int]:
    """The bytes that wait in this process for each client to take them."""
    return [one.transport.get_write_buffer_size() for one in list(server._server.server_state.connections)]


def stuck(server: HttpServer) -> int:
    """How many clients are sent nothing before they take something."""
    return sum(size > HIGH_WATER for size in waiting(server))


def until(reached: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < end, what
        time.sleep(0.002)


@contextlib.contextmanager
def publishing(tree: dict[str, Any]) -> Iterator[tuple[HttpServer, Publisher]]:
    publisher = Publisher(tree)
    with HttpServer(make_app(publisher.desk)) as server, publisher:
        yield server, publisher


# ---- the reducer --------------------------------------------------------------------------------------------------------


def test_followers_that_do_not_read_take_no_more_memory_and_threads_and_hold_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(following, "MOST_PER_SECOND", 2000.0)
    names = [f"{number:03}" + "x" * 2000 for number in range(200)]
    largest = len(json.dumps(names)) + 10_000
    with contextlib.ExitStack() as stack:
        server, publisher = stack.enter_context(publishing({"n": 0}))
        address = f"ws://{server.host}:{server.port}/api/v1/updates?paths=$.n&rate=2000"
        reader = stack.enter_context(connect(address, proxy=None))
        reader.recv(timeout=PATIENCE)
        threads = threading.active_count()
        for more in ("", UPGRADE) * 3:
            stack.enter_context(asks(server, "/api/v1/updates?rate=2000", more))
        number = most = 0
        while stuck(server) < 6 or number % 20:
            number += 1
            publisher.put(n=number, **dict.fromkeys(names, number))
            assert json.loads(reader.recv(timeout=PATIENCE))["changed"] == ["$.n"]
            most = max(most, sum(waiting(server)))
        assert most < 6 * (HIGH_WATER + largest)
        assert threading.active_count() <= threads + (os.cpu_count() or 1) + 4, "a thread for each client"


def test_no_version_of_the_tree_is_kept_for_who_takes_long_over_a_message() -> None:
    kept: list[weakref.ref[Snapshot]] = []

    class Reader:
        async def snapshot(self) -> Snapshot:
            made = Snapshot(len(kept) + 1, "r1", {"n": len(kept), "m": {"o": 1}})
            kept.append(weakref.ref(made))
            return made

        async def newer(self, version: int) -> Snapshot:
            return await self.snapshot()

        async def status(self) -> dict[str, Any]:
            return {}

    async def scenario() -> None:
        for paths in ((), ("$.n", "$.m.*")):
            updates = _Updates(Reader())._updates(Follower(Wish(paths)))
            for _ in range(3):
                await anext(updates)
            # The thread that has looked at the last one puts it down a moment later.
            deadline = time.monotonic() + PATIENCE
            while any(one() for one in kept):
                assert time.monotonic() < deadline, "a version is kept"
                await asyncio.sleep(0)
            await updates.aclose()  # type: ignore[attr-defined]

    asyncio.run(scenario())
    assert len(kept) == 6


# ---- the controller -----------------------------------------------------------------------------------------------------


def test_the_ledger_is_not_looked_at_for_who_does_not_read_what_became_of_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_stream, "LOOK_SECONDS", 0.001)
    looks = {"lazy": 0, "reader": 0}
    spread = 10_000

    async def events(request: Request) -> Response:
        who = request.path_params["who"]

        async def look(known: Mark) -> tuple[Mark, Account | None]:
            looks[who] += 1
            first = list(range(0, 2 * spread * looks[who], 2))[-spread:]
            reduced = (first, [event + 1 for event in first])
            mark = Mark("r1", (looks[who], 0, 0), "running")
            return mark, Account("r1", "running", False, None, reduced, ([], []), ([], []), [], [])

        return StreamingResponse(event_stream.lines(look, request.is_disconnected))

    with HttpServer(Starlette(routes=[Route("/{who}", events)])) as server, asks(server, "/lazy"):
        until(lambda: stuck(server) == 1, "the client is never full")
        seen = looks["lazy"]
        with requests.get(f"{server.url}/reader", stream=True, timeout=PATIENCE) as answer:
            told = answer.iter_lines()
            while looks["reader"] < 10:
                next(told)
        # One look may have been under way.
        assert looks["lazy"] <= seen + 1
        assert max(waiting(server)) < 40 * spread


def test_a_client_that_does_not_read_the_log_holds_up_no_other_that_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_answers, "LOG_POLL_SECONDS", 0.001)
    line = {"levelname": "INFO", "msg": "x" * 2000}
    with Live() as live, asks(live._server, "/api/v1/log_stream"):
        book = live.bench.controller.logbook

        def full() -> bool:
            live.do(lambda: book.keep("worker-1", [line] * 500))
            return stuck(live._server) == 1

        until(full, "the client is never full")
        with requests.get(live.url("log_stream"), stream=True, timeout=PATIENCE) as answer:
            live.do(lambda: book.keep("worker-1", [{**line, "msg": "the last"}]))
            assert any(b"the last" in told for told in answer.iter_lines())
        assert max(waiting(live._server)) < HIGH_WATER + 1000 * 2200


def test_however_many_follow_results_by_way_of_the_controller_another_one_is_served() -> None:
    many = 110  # more than the 100 connections that a client of HTTP has if nothing else is said
    with published({"n": 7}) as (url, _), contextlib.ExitStack() as stack:

        async def address_of(name: str) -> str:
            return url

        relay = Relay(address_of)

        @contextlib.asynccontextmanager
        async def life(app: Starlette) -> AsyncIterator[None]:
            yield
            await relay.close()

        server = stack.enter_context(HttpServer(Starlette(routes=relay_routes(relay), lifespan=life)))
        for _ in range(many):
            stack.enter_context(asks(server, "/results/api/v1/updates"))
        answer = requests.get(
            f"{server.url}/results/api/v1/result/$.n", headers={"Accept": "application/json"}, timeout=10
        )
        assert answer.json() == [7]


# ---- all servers --------------------------------------------------------------------------------------------------------


class Endless:
    """Sends as much as its clients take, and counts those that it has."""

    def __init__(self) -> None:
        self.clients = 0

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/", self.stream), WebSocketRoute("/", self.socket)])

    async def stream(self, request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            self.clients += 1
            try:
                while True:
                    yield bytes(1 << 17)
                    await asyncio.sleep(0)
            finally:
                self.clients -= 1

        return StreamingResponse(pieces())

    async def socket(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.clients += 1
        try:
            while True:
                await websocket.send_bytes(bytes(1 << 17))
        except WebSocketDisconnect:
            pass
        finally:
            self.clients -= 1


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system cannot end what is not read")
@pytest.mark.parametrize("more", ["", UPGRADE], ids=["events", "websocket"])
def test_who_takes_nothing_for_long_is_let_go(more: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "UNREAD_SECONDS", 1)
    endless = Endless()
    with HttpServer(endless.app) as server, asks(server, "/", more):
        until(lambda: stuck(server) == 1, "the client is never full")
        until(lambda: not waiting(server), "the connection stays, with what was to be sent")
        until(lambda: endless.clients == 0, "the application goes on for a client that is gone")


def test_pings_of_who_reads_no_answer_pile_up_no_answers() -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass

    with HttpServer(Starlette(routes=[WebSocketRoute("/", talk)])) as server:
        with asks(server, "/", UPGRADE) as client:
            for _ in range(160):
                client.sendall(PING * 800)  # 0.1 MB
            until(lambda: stuck(server) == 1, "answers find room without end")
            assert max(waiting(server)) < 1 << 20
        with connect(f"ws://{server.host}:{server.port}/", proxy=None) as other:
            assert other.ping().wait(PATIENCE)
