"""What is beyond a limit is answered at once, and nothing that a client does holds up the others."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from access.services import Small
from beamloom.access import Access, Limits
from beamloom.transport import http_server
from beamloom.transport.http_server import HttpServer
from support.patience import PATIENCE

LIMIT = 1000
LIMITED = Access(limits=Limits(body=LIMIT))


@pytest.fixture
def url() -> Iterator[str]:
    with Small().served(LIMITED) as url:
        yield url


def talking_to(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=PATIENCE)


def answer_to(talk: socket.socket) -> bytes:
    """All that comes until the other side ends."""
    received = b""
    try:
        while part := talk.recv(65536):
            received += part
    except ConnectionResetError:
        pass
    return received


def test_a_body_that_is_too_large_is_refused_with_a_sentence(url: str) -> None:
    assert requests.post(f"{url}/change", data=b"a" * LIMIT, timeout=PATIENCE).json() == LIMIT
    answer = requests.post(f"{url}/change", data=b"a" * (LIMIT + 1), timeout=PATIENCE)
    assert answer.status_code == 413
    assert "more than 1000 bytes" in answer.json()["detail"]


def test_a_body_that_does_not_say_how_large_it_is_is_counted(url: str) -> None:
    def parts(number: int) -> Iterator[bytes]:
        for _ in range(number):
            yield b"a" * 100

    assert requests.post(f"{url}/change", data=parts(10), timeout=PATIENCE).json() == LIMIT
    answer = requests.post(f"{url}/change", data=parts(11), timeout=PATIENCE)
    assert answer.status_code == 413


def test_a_body_that_lies_about_its_size_takes_no_more_memory(url: str) -> None:
    with talking_to(url) as talk:
        talk.sendall(b"POST /change HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999\r\n\r\n")
        assert talk.recv(100).startswith(b"HTTP/1.1 413")
    assert requests.get(f"{url}/read", timeout=PATIENCE).status_code == 200


def test_a_body_that_comes_too_slowly_is_given_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beamloom.access.limits.SILENCE_SECONDS", 0.1)
    with talking_to(url) as talk:
        talk.sendall(b"POST /change HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc")
        assert talk.recv(100).startswith(b"HTTP/1.1 408")


def test_a_body_in_drops_is_given_up_however_regular_they_are(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beamloom.access.limits.BODY_SECONDS", 0.2)
    with talking_to(url) as talk:
        talk.sendall(b"POST /change HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
        enough = threading.Event()

        def drip() -> None:
            while not enough.wait(0.01):
                try:
                    talk.sendall(b"a")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            assert talk.recv(100).startswith(b"HTTP/1.1 408")
        finally:
            enough.set()
            dripping.join()


def test_a_client_that_goes_away_within_its_body_is_no_error_of_the_service(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with talking_to(url) as talk:
        talk.sendall(b"POST /change HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc")
        talk.shutdown(socket.SHUT_WR)
        answer_to(talk)
    assert requests.post(f"{url}/change", data=b"a", timeout=PATIENCE).json() == 1
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("begun", [b"", b"GET /read HT", b"GET /read HTTP/1.1\r\nHost: loc"])
def test_a_connection_that_does_not_ask_is_ended(
    begun: bytes, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beamloom.transport.http_protocol.HEADER_SECONDS", 0.1)
    with talking_to(url) as talk:
        talk.sendall(begun)
        assert answer_to(talk) == b""


def test_a_connection_that_has_been_answered_and_asks_no_further_is_ended(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beamloom.transport.http_protocol.HEADER_SECONDS", 0.1)
    with talking_to(url) as talk:
        talk.sendall(b"GET /read HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b""
        while not received.endswith(b"secret result"):
            received += talk.recv(10000)
        talk.sendall(b"GET /read HTTP")
        assert answer_to(talk) == b""


def test_a_header_that_is_too_large_is_refused(url: str) -> None:
    with talking_to(url) as talk:
        talk.sendall(b"GET /read HTTP/1.1\r\nHost: localhost\r\n")
        filler = b"X-Filler: " + b"a" * 1000 + b"\r\n"
        try:
            for _ in range(10 * http_server.MOST_HEADER_BYTES // len(filler)):
                talk.sendall(filler)
        except OSError:
            pass
        assert b" 200 " not in answer_to(talk)[:20]


def test_a_message_over_a_websocket_that_is_too_large_ends_it(url: str) -> None:
    with connect(url.replace("http", "ws") + "/talk", proxy=None) as talk:
        assert talk.recv() == "secret result"
        talk.send("a" * 1000)
        assert len(talk.recv()) == 1000
        talk.send("a" * (http_server.MOST_MESSAGE_BYTES + 1))
        with pytest.raises(ConnectionClosed) as closed:
            talk.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


class Busy:
    """A service whose answers wait until they are let go."""

    def __init__(self) -> None:
        self.enough = threading.Event()
        self.begun = threading.Semaphore(0)

    def wait(self, request: Request) -> Response:
        self.begun.release()
        self.enough.wait(PATIENCE)
        return JSONResponse("done")

    async def change(self, request: Request) -> Response:
        return JSONResponse(len(await request.body()))


def test_however_many_readers_wait_a_command_gets_through(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = Busy()
    routes = [Route("/wait", busy.wait), Route("/change", busy.change, methods=["POST"])]
    answers: list[int] = []

    def read() -> None:
        answers.append(requests.get(f"{server.url}/wait", timeout=PATIENCE).status_code)

    with HttpServer(Starlette(routes=routes), access=Access(limits=Limits(readers=3))) as server:
        readers = [threading.Thread(target=read) for _ in range(3)]
        try:
            for reader in readers:
                reader.start()
            for _ in readers:
                assert busy.begun.acquire(timeout=PATIENCE)
            refused = requests.get(f"{server.url}/wait", timeout=PATIENCE)
            assert refused.status_code == 503
            assert refused.headers["retry-after"] == "1"
            assert "3 readers" in refused.json()["detail"]
            assert requests.post(f"{server.url}/change", data=b"stop", timeout=PATIENCE).json() == 4
        finally:
            busy.enough.set()
            for reader in readers:
                reader.join()
        assert answers == [200, 200, 200]
        assert requests.get(f"{server.url}/wait", timeout=PATIENCE).status_code == 200


def test_connections_beyond_the_limit_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beamloom.transport.http_server.SPARE_CONNECTIONS", 1)
    with Small().served(Access(limits=Limits(readers=1, commands=1))) as url:
        held = []
        try:
            for _ in range(3):
                held.append(talking_to(url))
                held[-1].sendall(b"GET /read HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert held[-1].recv(10000).startswith(b"HTTP/1.1 200")
            with talking_to(url) as beyond:
                assert answer_to(beyond) == b""
        finally:
            for talk in held:
                talk.close()
