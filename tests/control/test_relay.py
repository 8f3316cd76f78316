"""What the controller passes on for other processes: for whom an answer is passes as well."""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
import threading
from collections.abc import AsyncIterator, Iterator

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette

from beamloom.access import Access, Tokens
from beamloom.control.relay import Relay, relay_routes
from beamloom.results.http import make_app
from beamloom.transport.http_server import HttpServer
from results.hdf5.trees import served
from results.test_results_http import FixedReader
from support.patience import PATIENCE


@pytest.mark.parametrize(
    ("asked_from", "headers", "compressed"),
    [
        ("192.0.2.7", {}, True),
        ("127.0.0.1", {}, False),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}, True),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.7"}, True),
    ],
    ids=["from elsewhere", "from this machine", "by a proxy", "by a proxy of today"],
)
def test_what_passes_through_to_another_machine_is_compressed(
    asked_from: str, headers: dict[str, str], compressed: bool
) -> None:
    numbers = np.zeros(10_000)
    with served({"zeros": numbers}) as (url, _):

        async def ask() -> httpx.Response:
            async def address_of(name: str) -> str:
                return url

            relay = Relay(address_of)
            app = Starlette(routes=list(relay_routes(relay)))
            transport = httpx.ASGITransport(app, client=(asked_from, 1234))
            try:
                async with httpx.AsyncClient(transport=transport, base_url="http://controller") as client:
                    return await client.get("/results/api/v1/shown?path=zeros&most=10000", headers=headers)
            finally:
                await relay.close()

        answer = asyncio.run(ask())
    assert answer.status_code == 200
    assert ("content-encoding" in answer.headers) is compressed
    np.testing.assert_array_equal(np.load(io.BytesIO(answer.content)), numbers)


@contextlib.contextmanager
def dying(head: str, piece: bytes) -> Iterator[str]:
    """The address of a process that dies in the middle of what it answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1 << 16)
                beginning = (
                    f"HTTP/1.1 200 OK\r\n{head}\r\nTransfer-Encoding: chunked\r\n\r\n{len(piece):x}\r\n"
                )
                connection.sendall(beginning.encode() + piece + b"\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def passed(address: str) -> bytes:
    """What comes through of an answer."""

    async def ask() -> bytes:
        async def address_of(name: str) -> str:
            return address

        relay = Relay(address_of)
        transport = httpx.ASGITransport(Starlette(routes=list(relay_routes(relay))))
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://controller") as client:
                return (await client.get("/results/anything")).content
        finally:
            await relay.close()

    return asyncio.run(ask())


def test_what_was_followed_ends_with_the_process_that_told_it() -> None:
    with dying("Content-Type: text/event-stream", b"data: 1") as address:
        assert passed(address) == b"data: 1"


def test_what_ended_in_the_middle_does_not_seem_to_be_whole() -> None:
    with dying("Content-Type: application/json", b"[1, ") as address, pytest.raises(httpx.HTTPError):
        passed(address)


@contextlib.contextmanager
def closing_what_it_kept() -> Iterator[str]:
    """The address of a process that closes each connection when the second question comes over it, as when it had been kept too long."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)

        def answer() -> None:
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _ = listener.accept()
                    with connection:
                        connection.settimeout(PATIENCE)
                        if connection.recv(1 << 16):
                            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
                            connection.recv(1 << 16)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            thread.join()


def test_a_connection_that_was_closed_meanwhile_is_nobodys_concern() -> None:
    with closing_what_it_kept() as address:

        async def ask() -> list[bytes]:
            async def address_of(name: str) -> str:
                return address

            relay = Relay(address_of)
            transport = httpx.ASGITransport(Starlette(routes=list(relay_routes(relay))))
            try:
                async with httpx.AsyncClient(transport=transport, base_url="http://controller") as client:
                    return [(await client.get("/results/anything")).content for _ in range(3)]
            finally:
                await relay.close()

        assert asyncio.run(ask()) == [b"hello"] * 3


def test_a_token_in_the_address_is_good_for_what_is_passed_on() -> None:
    access = Access(Tokens(read="r" * 20, control="c" * 20))
    with HttpServer(make_app(FixedReader({"n": 1})), access=access) as reducer:

        async def address_of(name: str) -> str:
            return reducer.url

        relay = Relay(address_of)

        @contextlib.asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncIterator[None]:
            yield
            await relay.close()

        app = Starlette(routes=list(relay_routes(relay)), lifespan=lifespan)
        with HttpServer(app, access=access) as controller:
            asked = f"{controller.url}/results/api/v1/result/n?format=json"
            assert httpx.get(f"{asked}&token={'r' * 20}").json() == [1]
            assert httpx.get(f"{asked}&token={'w' * 20}").status_code == 401
            assert httpx.get(asked).status_code == 401
