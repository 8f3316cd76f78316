"""The HTTP server that services run beside their loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import AsyncIterator

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from beamloom.access import Access
from beamloom.transport.http_server import CannotListen, HttpServer
from support.patience import PATIENCE
from support.ports import quiet_port


async def hello(request: Request) -> Response:
    return PlainTextResponse("hello")


APP = Starlette(routes=[Route("/hello", hello)])


def test_requests_are_answered_once_start_returns_and_no_more_after_stop() -> None:
    server = HttpServer(APP, port=quiet_port())
    port = server.start()
    assert requests.get(f"http://127.0.0.1:{port}/hello", timeout=PATIENCE).text == "hello"
    assert server.url == f"http://127.0.0.1:{port}"
    server.stop()
    server.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{server.url}/hello", timeout=PATIENCE)
    with HttpServer(APP, port=port):
        assert requests.get(f"http://127.0.0.1:{port}/hello", timeout=PATIENCE).text == "hello"


def test_a_port_that_is_taken_is_a_sentence() -> None:
    with HttpServer(APP) as first, pytest.raises(CannotListen) as caught:
        HttpServer(APP, port=first.port).start()
    assert str(caught.value) == (
        f"port {first.port} of 127.0.0.1 is taken by another process; stop that process or choose another port."
    )


@pytest.mark.parametrize(
    ("host", "port", "sentence"),
    [
        ("no.such.host.invalid", 0, "is not known on this machine"),
        ("192.0.2.1", 0, "is no address of this machine"),
        ("127.0.0.1", 70000, "70000 is no port"),
    ],
)
def test_an_address_that_cannot_be_is_a_sentence(host: str, port: int, sentence: str) -> None:
    with pytest.raises(CannotListen, match=sentence):
        HttpServer(APP, host, port, Access(open=True)).start()


def test_it_listens_on_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("needs IPv6")
    with HttpServer(APP, "::1") as server:
        assert requests.get(f"{server.url}/hello", timeout=PATIENCE).text == "hello"


def test_signal_handlers_stay_those_of_the_process() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with HttpServer(APP):
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_an_application_that_fails_to_start_is_told_to_who_starts_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        raise RuntimeError("no store")
        yield

    server = HttpServer(Starlette(lifespan=lifespan))
    with caplog.at_level(logging.ERROR), pytest.raises(RuntimeError, match="failed to start"):
        server.start()
    assert "no store" in caplog.text
    server.stop()


def test_a_stream_without_end_does_not_keep_the_server_from_stopping(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beamloom.transport.http_server.GRACE_SECONDS", 0.05)
    ended = threading.Event()

    async def forever() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def stream(request: Request) -> Response:
        return StreamingResponse(forever())

    with HttpServer(Starlette(routes=[Route("/stream", stream)])) as server:
        response = requests.get(f"{server.url}/stream", stream=True, timeout=PATIENCE)
        assert next(response.iter_content(5)) == b"first"
    assert ended.wait(PATIENCE)
    response.close()


def test_a_server_is_started_once() -> None:
    server = HttpServer(APP)
    with server, pytest.raises(RuntimeError, match="started before"):
        server.start()
