"""What the reducer and the debug workers show, under the address of the controller.

A page that came from the controller can so ask all of them, with one address to reach and one token: ``/results/...`` goes to the reducer,
``/glance/{worker}/...`` to a debug worker, ``/shadow/...`` to the reducer of the shadow worker. Bodies pass through in pieces; nothing is
kept, and the controller's thread is asked for the address alone. Only reading passes. For whom an answer is passes as well: what goes over
a network is compressed where it is made.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from beamloom.openapi import Told

if TYPE_CHECKING:
    import httpx  # loaded with the first page that asks for something of others

logger = logging.getLogger(__name__)

AddressOf = Callable[[str], Awaitable[str | None]]
"""Where a process of that name shows what it has (``http://host:port``); None where it does not take part, or shows nothing."""

REDUCER = ""
"""The name under which the reducer is asked for."""
SHADOW = "/shadow"
"""The same of the shadow worker; no process is called so."""
PASSED_ON = ("accept", "accept-encoding", "authorization", "forwarded", "if-none-match", "range")
ENDLESS = "text/event-stream"
THIS_MACHINE = ("127.0.0.1", "::1")
HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "date", "server")
CONNECT_SECONDS = 2.0
KEPT_CONNECTIONS = 20
"""To other processes, while nobody asks anything over them."""
IN_PATHS = "/$@!*'(),;:=&+~"
"""What stands in a path as it is."""


class Relay:
    """Asks other processes on behalf of a page."""

    def __init__(self, address_of: AddressOf, tls: ssl.SSLContext | None = None) -> None:
        """``tls`` checks the certificates of the processes, where they speak HTTPS."""
        self._address_of = address_of
        self._tls = tls
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """End all connections."""
        if self._client is not None:
            await self._client.aclose()

    async def results(self, request: Request) -> Response:
        """What the reducer answers at this path."""
        return await self._pass_on(request, REDUCER, "the reducer", absent=503)

    async def shadow(self, request: Request) -> Response:
        """What the reducer of the shadow worker answers at this path."""
        return await self._pass_on(request, SHADOW, "a shadow worker", absent=404)

    async def glance(self, request: Request) -> Response:
        """What a debug worker answers at this path."""
        name = request.path_params["worker"]
        return await self._pass_on(request, name, f"the worker {name}", absent=404)

    async def _pass_on(self, request: Request, name: str, words: str, absent: int) -> Response:
        address = await self._address_of(name)
        if address is None:
            raise HTTPException(absent, f"{words} does not take part now, or shows nothing over HTTP")
        import httpx

        headers = {key: request.headers[key] for key in PASSED_ON if key in request.headers}
        if way := way_of(request):
            headers["x-forwarded-for"] = way
        query = f"?{request.url.query}" if request.url.query else ""
        try:
            path = quote(request.path_params["path"], safe=IN_PATHS)
            question = self._opened().build_request("GET", f"{address}/{path}{query}", headers=headers)
        except (httpx.InvalidURL, ValueError) as error:
            raise HTTPException(400, f"this is no address at {words} ({error})") from error
        try:
            answer = await self._asked(question)
        except httpx.HTTPError as error:
            raise HTTPException(502, f"{words} does not answer at {address} ({error})") from error
        kept = {key: value for key, value in answer.headers.items() if key not in HOP_BY_HOP}
        return StreamingResponse(body_of(answer, words), answer.status_code, kept)

    async def _asked(self, question: httpx.Request) -> httpx.Response:
        """Raises httpx.HTTPError."""
        import httpx

        try:
            return await self._opened().send(question, stream=True)
        except httpx.ConnectError:
            raise
        except httpx.HTTPError:
            # A connection that was kept may have been closed meanwhile; whoever reads may ask once more.
            return await self._opened().send(question, stream=True)

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = opened_client(self._tls)
        return self._client


def opened_client(tls: ssl.SSLContext | None, kept_seconds: float = 5.0) -> httpx.AsyncClient:
    """What asks other processes; ``tls`` checks their certificates, and a connection is used again for so many seconds."""
    import httpx

    timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
    # How many may ask at a time is said in front of this server; those who follow something keep a connection each.
    limits = httpx.Limits(
        max_connections=None, max_keepalive_connections=KEPT_CONNECTIONS, keepalive_expiry=kept_seconds
    )
    verify = True if tls is None else tls
    # It says each request aloud: a page that looks at results would fill the log of the pipeline with them.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    return httpx.AsyncClient(verify=verify, timeout=timeout, limits=limits, trust_env=False)


def way_of(request: Request) -> str:
    """Over which addresses a question came, as ``X-Forwarded-For`` has it; empty where it was asked on this machine."""
    before = request.headers.get("x-forwarded-for")
    here = None if request.client is None or request.client.host in THIS_MACHINE else request.client.host
    return ", ".join(filter(None, (before, here)))


async def body_of(answer: httpx.Response, words: str) -> AsyncIterator[bytes]:
    import httpx

    try:
        async for piece in answer.aiter_raw():
            yield piece
    except httpx.HTTPError as error:
        # What never ends by itself may end here: who follows it asks again. Anything else would seem to be whole.
        if not answer.headers.get("content-type", "").startswith(ENDLESS):
            raise
        logger.info("%s is gone, and with it what was followed (%s)", words, error)
    finally:
        await answer.aclose()


def relay_routes(relay: Relay) -> list[Told]:
    """The routes to the other processes."""
    off = {502: "The process does not answer.", 503: "It does not take part."}
    return [
        Told("/results/{path:path}", relay.results, answers="*/*", also=off),
        Told("/shadow/{path:path}", relay.shadow, answers="*/*", also={**off, 404: "There is none."}),
        Told("/glance/{worker}/{path:path}", relay.glance, answers="*/*", also=off),
    ]
