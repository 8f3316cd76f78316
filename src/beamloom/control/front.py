"""Several pipelines under one address: ``/pipelines/<name>/...`` is passed on to the controller of each, everything else to the first one.

Policy: nothing is decided here and nothing is kept. A request goes to its controller as it came, with the name by which it was asked, the
page that it came from and the token that it presents, so that each pipeline lets in whom its own settings let in. A controller that does
not answer is nobody else's concern: it is said in a sentence (502), and asked anew with the next request. A request that changes
something is never sent twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from beamloom.control.answers.forms import PipelineLine
from beamloom.control.asking import as_json
from beamloom.control.relay import body_of, opened_client, way_of
from beamloom.errors import did_you_mean

if TYPE_CHECKING:
    import httpx  # loaded with the first request
    from websockets.asyncio.client import ClientConnection

PIPELINES = "/pipelines"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
STAYS = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that are about one connection alone."""
SAID_ANEW = frozenset({"date"})
"""Headers of an answer that the server writes itself."""
WRITTEN_HERE = frozenset({"accept-encoding", "content-length", "x-forwarded-for"})
"""Headers of a request that are not passed on as they came."""
OF_HANDSHAKE = "sec-websocket-"
OF_CONNECT = frozenset({"host", "origin", "user-agent"})
"""Headers of a handshake that have a place of their own."""
KEPT_SECONDS = 2.0
"""A connection is used again for so long; the other side closes it after five seconds."""
LISTED_SECONDS = 2.0
"""Time that a pipeline has to say how it is, where all are listed."""
WAITS_SECONDS = 10.0
"""Time that a WebSocket of a pipeline may take to open."""
GOING_AWAY = 1001
LEFT_TO_BE_SAID = frozenset({1005, 1006, 1015})
"""Codes of closures that no message carries."""


class Place(NamedTuple):
    """What a request is for."""

    pipeline: str
    target: str
    """Path and query at its controller, as they were written."""


class Front:
    """Passes requests on to the controllers of several pipelines."""

    def __init__(self, pipelines: Mapping[str, str], tls: ssl.SSLContext | None = None) -> None:
        """``pipelines``: the addresses of their controllers by name, the first one also without; ``tls`` checks their certificates."""
        self._pipelines = {name: url.rstrip("/") for name, url in pipelines.items()}
        self._first = next(iter(self._pipelines))
        self._tls = tls
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """End all connections."""
        if self._client is not None:
            await self._client.aclose()

    # ---- HTTP -----------------------------------------------------------------------------------------------------------

    async def pass_on(self, request: Request) -> Response:
        """What the controller answers that is meant."""
        place = self._place_of(request)
        if place.target == "":
            # What a page asks for is below where it is, so that it has to stand in a folder.
            return RedirectResponse(f"{PIPELINES}/{place.pipeline}/", 308)
        body = await request.body()
        answer = await self._answer(request, place, body)
        passed = StreamingResponse(body_of(answer, f"pipeline {place.pipeline!r}"), answer.status_code)
        # Several of a kind, such as ways to present a token, stay several.
        headers = [(name.lower(), value) for name, value in answer.headers.raw]
        passed.raw_headers = [
            (name, value) for name, value in headers if name.decode() not in STAYS | SAID_ANEW
        ]
        return passed

    async def list(self, request: Request) -> Response:
        """Which pipelines there are and how each is; refused where every one of them refuses who asks."""
        answers = await asyncio.gather(*(self._told_by(name, request) for name in self._pipelines))
        told = [answer for answer in answers if not isinstance(answer, PipelineLine)]
        if len(told) == len(answers):
            return told[0]
        return as_json(
            [
                answer
                if isinstance(answer, PipelineLine)
                else _line(name, _sentence(bytes(answer.body), answer.status_code))
                for name, answer in zip(self._pipelines, answers, strict=True)
            ]
        )

    async def _told_by(self, name: str, request: Request) -> PipelineLine | Response:
        """How a pipeline is, or its refusal of who asks."""
        query = f"?{request.url.query}" if request.url.query else ""
        try:
            async with asyncio.timeout(LISTED_SECONDS):
                answer = await self._answer(request, Place(name, f"{PIPELINES}{query}"), b"")
                try:
                    body = await answer.aread()
                finally:
                    await answer.aclose()
        except HTTPException as error:
            return _line(name, error.detail)
        except TimeoutError:
            return _line(
                name, f"the controller of pipeline {name!r} does not answer in time; look at its log"
            )
        if answer.status_code in (401, 403):
            headers = {key: value for key, value in answer.headers.items() if key == "www-authenticate"}
            return Response(body, answer.status_code, headers, media_type="application/json")
        try:
            (line,) = msgspec.json.decode(body, type=list[PipelineLine])
        except (msgspec.DecodeError, ValueError):
            return _line(name, _sentence(body, answer.status_code))
        return msgspec.structs.replace(line, name=name, path=f"{PIPELINES}/{name}")

    async def _answer(self, request: Request, place: Place, body: bytes) -> httpx.Response:
        """Of a controller, its body unread. Raises HTTPException."""
        import httpx

        headers = [(key, value) for key, value in request.headers.items() if key not in STAYS | WRITTEN_HERE]
        headers.append(("accept-encoding", request.headers.get("accept-encoding", "identity")))
        if way := way_of(request):
            headers.append(("x-forwarded-for", way))
        url = f"{self._pipelines[place.pipeline]}{place.target}"
        if self._client is None:
            self._client = opened_client(self._tls, KEPT_SECONDS)
        for again in (request.method in ("GET", "HEAD"), False):
            try:
                question = self._client.build_request(
                    request.method, url, headers=headers, content=body if body else None
                )
                return await self._client.send(question, stream=True)
            except (httpx.InvalidURL, ValueError) as error:
                raise HTTPException(
                    400, f"this is no address of pipeline {place.pipeline!r} ({error})"
                ) from error
            except httpx.ConnectError as error:
                raise _away(place.pipeline, error) from error
            except httpx.HTTPError as error:
                # A connection that was kept may have been closed meanwhile; a question can be asked once more.
                if not again:
                    raise _away(place.pipeline, error) from error
        raise AssertionError("the second attempt answers, or raises")

    # ---- WebSockets -----------------------------------------------------------------------------------------------------

    async def pass_messages(self, websocket: WebSocket) -> None:
        """Messages to and from the controller that is meant, until either side ends it."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidHandshake, InvalidStatus

        try:
            place = self._place_of(websocket)
        except HTTPException as error:
            await websocket.send_denial_response(as_json({"detail": error.detail}, error.status_code))
            return
        there = urlsplit(self._pipelines[place.pipeline])
        asked_as = websocket.headers.get("host") or there.netloc
        headers = [
            (key, value)
            for key, value in websocket.headers.items()
            if key not in STAYS | OF_CONNECT and not key.startswith(OF_HANDSHAKE)
        ]
        tls: dict[str, Any] = {}
        if there.scheme == "https":
            tls = {"ssl": self._tls or ssl.create_default_context(), "server_hostname": there.hostname}
        try:
            # By the name that we are asked by: who is let in may depend on it.
            connection = await connect(
                f"{'wss' if tls else 'ws'}://{asked_as}{there.path}{place.target}",
                host=there.hostname,
                port=there.port or (443 if tls else 80),
                origin=websocket.headers.get("origin"),  # type: ignore[arg-type]  # a string of its own type
                additional_headers=headers,
                user_agent_header=websocket.headers.get("user-agent"),
                subprotocols=websocket.scope.get("subprotocols") or None,
                compression=None,
                proxy=None,
                max_size=None,
                open_timeout=WAITS_SECONDS,
                **tls,
            )
        except InvalidStatus as refusal:
            kept = [
                (k, v) for k, v in refusal.response.headers.raw_items() if k.lower() == "www-authenticate"
            ]
            response = Response(
                bytes(refusal.response.body or b""),
                refusal.response.status_code,
                media_type="application/json",
            )
            for key, value in kept:
                response.headers.append(key, value)
            await websocket.send_denial_response(response)
            return
        except (OSError, TimeoutError, InvalidHandshake, ValueError) as error:
            away = _away(place.pipeline, error)
            await websocket.send_denial_response(as_json({"detail": away.detail}, away.status_code))
            return
        async with connection:
            await websocket.accept(connection.subprotocol)
            await _both_ways(websocket, connection)

    # ---- which one ------------------------------------------------------------------------------------------------------

    def _place_of(self, request: HTTPConnection) -> Place:
        """What a request is for. Raises HTTPException where there is no such pipeline."""
        raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
        path = raw.decode("latin-1")
        query = request.scope.get("query_string", b"").decode("latin-1")
        name, target = self._first, path
        if path.startswith(f"{PIPELINES}/"):
            written, slash, rest = path.removeprefix(f"{PIPELINES}/").partition("/")
            name, target = unquote(written), f"{slash}{rest}"
            if name not in self._pipelines:
                raise HTTPException(
                    404,
                    f"there is no pipeline {name[:64]!r} here{did_you_mean(name, self._pipelines)}; "
                    f"there are {', '.join(self._pipelines)}",
                )
        return Place(name, f"{target}?{query}" if query and target else target)


def make_front(front: Front) -> Starlette:
    """The front as an ASGI application."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await front.close()

    return Starlette(
        routes=[
            Route(PIPELINES, front.list),
            Route("/{path:path}", front.pass_on, methods=METHODS),
            WebSocketRoute("/{path:path}", front.pass_messages),
        ],
        exception_handlers={HTTPException: _refused},
        lifespan=lifespan,
    )


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return as_json({"detail": str(getattr(error, "detail", error))}, status, getattr(error, "headers", None))


async def _both_ways(websocket: WebSocket, connection: ClientConnection) -> None:
    """Until either side ends it."""
    from websockets.exceptions import ConnectionClosed

    async def outwards() -> None:
        async for message in connection:
            await (
                websocket.send_text(message) if isinstance(message, str) else websocket.send_bytes(message)
            )

    async def inwards() -> None:
        while (message := await websocket.receive())["type"] != "websocket.disconnect":
            said = message.get("text")
            await connection.send(message.get("bytes", b"") if said is None else said)

    tasks = [asyncio.create_task(outwards()), asyncio.create_task(inwards())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionClosed, WebSocketDisconnect, RuntimeError):
            await task
    await connection.close()
    code = connection.close_code or GOING_AWAY
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await websocket.close(
            GOING_AWAY if code in LEFT_TO_BE_SAID else code, connection.close_reason or None
        )


def _away(name: str, error: Exception) -> HTTPException:
    return HTTPException(
        502,
        f"the controller of pipeline {name!r} does not answer ({error or type(error).__name__}); it may be about to start again, "
        "else look at what it said last",
    )


def _line(name: str, problem: str) -> PipelineLine:
    return PipelineLine(name, f"{PIPELINES}/{name}", problem, None)


def _sentence(body: bytes, status: int) -> str:
    """Why there is no answer."""
    try:
        return str(msgspec.json.decode(body, type=dict[str, Any])["detail"])
    except (msgspec.DecodeError, KeyError):
        return f"its controller answers with the status {status}; use the same version of Beamloom for both"
