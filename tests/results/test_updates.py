"""Live updates with real clients: WebSockets by websockets, server-sent events by httpx."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import numpy as np
import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from beamloom.results import following
from beamloom.results.following import Follower, Wish, wish_in
from beamloom.results.selection import SelectionError
from beamloom.results.snapshot import Snapshot
from beamloom.results.updates import _Updates
from results.publishing import Publisher, published
from support.patience import PATIENCE

Server = tuple[str, Publisher]


@pytest.fixture
def server() -> Iterator[Server]:
    with published({"n": 0, "group": {"a": 1, "b": 2}}) as served:
        yield served


def follow(server: Server, query: str = "") -> ClientConnection:
    return connect(f"{server[0].replace('http', 'ws')}/api/v1/updates?{query}", proxy=None)


def message(client: ClientConnection) -> dict[str, Any]:
    received: dict[str, Any] = json.loads(client.recv(timeout=PATIENCE))
    return received


def test_the_first_message_tells_of_everything_and_each_change_is_told(server: Server) -> None:
    with follow(server) as client:
        first = message(client)
        assert (first["run"], first["changed"]) == ("r1", ["$"])
        assert first["at"] == pytest.approx(time.time(), abs=60)
        server[1].put(n=1)
        second = message(client)
        assert (second["version"], second["changed"]) == (first["version"] + 1, ["$.n"])
        server[1].change(lambda tree: tree["group"].update(b=3))
        assert message(client)["changed"] == ["$.group.b"]
        server[1].new_run("r2", {"n": 1})
        third = message(client)
        assert (third["run"], third["changed"]) == ("r2", ["$"])


def test_a_client_that_knows_a_version_is_told_what_has_changed_since(server: Server) -> None:
    version = int(
        requests.get(f"{server[0]}/api/v1/result/$.n", timeout=PATIENCE).headers["x-beamloom-version"]
    )
    server[1].put(n=1)
    with follow(server, f"since={version}") as client:
        assert message(client)["changed"] == ["$.n"]
    with follow(server, f"since={version + 1000}") as client:
        assert message(client)["changed"] == ["$"], "of another life"


def test_a_client_is_told_only_of_the_paths_that_it_follows(server: Server) -> None:
    with follow(server, "paths=$.group.*&paths=$.later") as client:
        assert message(client)["changed"] == ["$.group.a", "$.group.b"]
        server[1].put(n=1)
        server[1].put(later=1)
        assert message(client)["changed"] == ["$.later"]
        server[1].change(lambda tree: tree["group"].pop("a"))
        assert "$.group.a" in message(client)["changed"]
        client.send(json.dumps({"paths": ["$.n"], "rate": 20}))
        client.send(json.dumps({"paths": ["$.n"]}))
        client.ping().wait(PATIENCE)
        server[1].put(later=2)
        server[1].put(n=2)
        assert message(client)["changed"] == ["$.n"]


def test_messages_come_no_more_often_than_wanted_and_the_last_tells_all(server: Server) -> None:
    with follow(server, "rate=10") as client:
        message(client)
        begin = time.monotonic()
        came: list[dict[str, Any]] = []
        for number in range(1, 200):
            server[1].put(n=number, **{f"part{number % 7}": number})
        last = server[1].desk._latest.version
        while not came or came[-1]["version"] < last:
            came.append(message(client))
            last = max(last, server[1].desk._latest.version)
        took = time.monotonic() - begin
    assert len(came) <= took * 10 + 1
    told = {path for one in came for path in one["changed"]}
    assert told == {"$.n", *(f"$.part{number}" for number in range(7))}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("rate=x", "rate=x is no number"),
        ("rate=0", "rate=0.0 is no rate"),
        ("rate=nan", "rate=nan is no rate"),
        ("since=x", "since=x is no version"),
        ("paths=$[", "is malformed"),
        ("&".join(["paths=$.a"] * 65), "65 paths are too many"),
    ],
)
def test_a_wrong_wish_is_refused_with_a_sentence(server: Server, query: str, sentence: str) -> None:
    answer = requests.get(f"{server[0]}/api/v1/updates?{query}", timeout=PATIENCE)
    assert answer.status_code == 400
    assert sentence in answer.json()["detail"]
    with pytest.raises(InvalidStatus) as refused, follow(server, query):
        pass
    assert refused.value.response.status_code == 400
    assert refused.value.response.body is not None
    assert sentence in json.loads(refused.value.response.body)["detail"]


@pytest.mark.parametrize(
    "sent", ["no json", b"\xff", '{"paths": ["$["]}', '{"path": []}', '{"rate": 0}', "{}" * 2]
)
def test_a_wrong_message_closes_the_connection_with_a_sentence(server: Server, sent: str | bytes) -> None:
    with follow(server) as client:
        message(client)
        client.send(sent)
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=PATIENCE)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        assert closed.value.rcvd.reason


def test_any_bytes_are_a_wish_or_a_sentence() -> None:
    from hypothesis import given
    from hypothesis import strategies as st

    @given(st.binary() | st.text())
    def check(sent: bytes | str) -> None:
        with contextlib.suppress(SelectionError):
            wish_in(sent)

    check()


# ---- server-sent events -----------------------------------------------------------------------------------------------------


def events(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    event: dict[str, str] = {}
    for line in lines:
        if not line and event:
            yield event
            event = {}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value


def test_server_sent_events_tell_the_same(server: Server) -> None:
    with httpx.Client(trust_env=False) as client:
        with client.stream("GET", f"{server[0]}/api/v1/updates", timeout=10) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            coming = events(answer.iter_lines())
            first = next(coming)
            assert json.loads(first["data"])["changed"] == ["$"]
            server[1].put(n=1)
            second = json.loads(next(coming)["data"])
            assert second["changed"] == ["$.n"]
        server[1].put(n=2)
        known = {"Last-Event-ID": first["id"], "Accept": "text/event-stream"}
        with client.stream("GET", f"{server[0]}/api/v1/updates", headers=known, timeout=10) as answer:
            assert json.loads(next(events(answer.iter_lines()))["data"])["changed"] == ["$.n"]


def test_updates_in_another_form_are_refused(server: Server) -> None:
    answer = requests.get(
        f"{server[0]}/api/v1/updates", headers={"Accept": "application/json"}, timeout=PATIENCE
    )
    assert answer.status_code == 406
    assert "accept text/event-stream" in answer.json()["detail"]


def test_both_are_told_that_the_reducer_ends(server: Server) -> None:
    with (
        follow(server) as client,
        httpx.Client(trust_env=False) as http,
        http.stream("GET", f"{server[0]}/api/v1/updates", timeout=10) as answer,
    ):
        message(client)
        coming = events(answer.iter_lines())
        next(coming)
        server[1].desk.close()
        with pytest.raises(ConnectionClosed, match="the reducer ends"):
            client.recv(timeout=PATIENCE)
        last = next(coming)
        assert last["event"] == "end"
        assert "the reducer ends" in json.loads(last["data"])["detail"]


# ---- slow and dead clients --------------------------------------------------------------------------------------------------


def test_a_path_that_cannot_be_applied_any_more_ends_the_updates_with_a_sentence(server: Server) -> None:
    url, publisher = server
    asked = {"paths": "$.group[?@==1]"}
    with (
        follow(server, urlencode(asked)) as client,
        requests.get(f"{url}/api/v1/updates", asked, stream=True, timeout=PATIENCE) as events,
    ):
        assert message(client)["changed"] == ["$.group.a"]
        lines = events.iter_lines()
        assert next(lines).startswith(b"id: ")
        publisher.change(lambda tree: tree["group"].update(a=np.zeros(2)))
        with pytest.raises(ConnectionClosed) as closed:
            message(client)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        assert "cannot be applied" in closed.value.rcvd.reason
        told = b"\n".join(lines).decode()
    assert "event: end" in told
    assert "a filter compares numbers and texts, not arrays" in told


def test_clients_that_go_away_leave_nobody_waiting(server: Server) -> None:
    for _ in range(5):
        with follow(server) as client:
            message(client)
        with requests.get(f"{server[0]}/api/v1/updates", stream=True, timeout=PATIENCE) as answer:
            next(answer.iter_lines())
    end = time.monotonic() + PATIENCE
    while server[1].desk.waiting:
        assert time.monotonic() < end, "somebody waits for clients that are gone"
        server[1].put(n=time.monotonic())


def test_a_client_that_stops_reading_holds_nobody_up_and_is_told_the_newest_when_it_reads_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST_PER_SECOND", 2000.0)
    host, port = server[0].removeprefix("http://").split(":")
    names = [f"{number:03}" + "x" * 2000 for number in range(200)]
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect((host, int(port)))
        lazy.settimeout(PATIENCE)
        lazy.sendall(b"GET /api/v1/updates?rate=2000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with follow(server, "paths=$.n&rate=2000") as other:
            message(other)
            for number in range(1, 60):
                server[1].put(n=number, **dict.fromkeys(names, number))
                assert message(other)["changed"] == ["$.n"]
            last = server[1].desk._latest.version
        received = bytearray()
        while f'"version":{last},'.encode() not in received[-1_000_000:]:
            received += lazy.recv(2**16)
    told = received.count(b'"version":')
    assert 1 < told < 59, "changes were not told together"


class Endless:
    """A reader whose tree changes whenever somebody looks."""

    def __init__(self) -> None:
        self.version = 0

    async def snapshot(self) -> Snapshot:
        self.version += 1
        return Snapshot(self.version, "r1", {"n": self.version})

    async def newer(self, version: int) -> Snapshot:
        return await self.snapshot()

    async def status(self) -> dict[str, Any]:
        return {}


def test_what_a_client_is_told_next_is_reckoned_only_when_it_has_taken_the_last() -> None:
    reader = Endless()

    async def scenario() -> None:
        updates = _Updates(reader)._updates(Follower(Wish()))
        for expected in (1, 2, 3):
            assert (await anext(updates)).version == expected
            assert reader.version == expected
        await updates.aclose()  # type: ignore[attr-defined]

    asyncio.run(scenario())
