"""The gate in front of an HTTP application: who asks, for what, from which page, and how much.

A request either reads or commands: every method but GET, HEAD and OPTIONS commands, unless the application names the path as a question
that is posted. Where there are tokens, one has to be presented:

- ``Authorization: Bearer TOKEN``, as scripts do;
- ``Authorization: Basic``, any user with the token as password, as h5pyd and silx do, and browsers when they are asked;
- ``?token=TOKEN`` for reading alone, for WebSockets and event streams of pages of other origins. It is taken out of the address before
  anybody else sees it, and passed on as a header.

What a browser sends by itself proves nothing about the page that made it do so: without a Bearer token (or one in the address) the origin
of the page has to be right, and without any token also the name by which we are asked (``policy.py``).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

import msgspec
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Request
from starlette.websockets import WebSocket

from beamloom.access.limits import Load, TooMuch
from beamloom.access.policy import Access
from beamloom.access.tokens import Scope

READING = ("GET", "HEAD", "OPTIONS")
QUERY_NAME = "token"
CHALLENGES = (
    'Bearer realm="beamloom"',
    'Basic realm="beamloom: any user, the token as password", charset="UTF-8"',
)
SAFE_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"SAMEORIGIN",
    b"referrer-policy": b"no-referrer",
}
"""In every answer: no guessing of types, no page of others around ours, and no address of ours told to others."""

IsQuestion = Callable[[str], bool]
"""Whether what is posted to a path only asks for something."""


class Presented(NamedTuple):
    """A token as it was presented."""

    token: str
    on_purpose: bool
    """By the one who asks, and not by a browser on behalf of any page."""
    reading_only: bool = False


class Refusal(NamedTuple):
    """Why a request is turned away."""

    status: int
    sentence: str


def nothing_is_asked(path: str) -> bool:
    """For applications where whatever is posted commands."""
    return False


class Gate:
    """Lets requests through to ``app``, or answers them itself."""

    def __init__(self, app: ASGIApp, access: Access, is_question: IsQuestion = nothing_is_asked) -> None:
        self._app = app
        self._access = access
        self._is_question = is_question
        self._load = Load(access.limits)

    async def __call__(self, request: Request, receive: Receive, send: Send) -> None:
        """One request, or the life of the application."""
        if request["type"] not in ("http", "websocket"):
            await self._app(request, receive, send)
            return
        headers = Headers(scope=request)
        request, presented = (request, None) if self._access.decided_behind else _presented(request, headers)
        if self._access.tokens and presented is not None and presented.reading_only:
            request = _with_header(request, presented.token)
        wanted = self._wanted(request, headers)
        refusal = self._refusal(request, headers, presented, wanted)
        if refusal is not None:
            await _refuse(refusal, request, receive, send)
            return
        try:
            with self._load.place(command=wanted == "control"):
                await self._let_through(request, headers, receive, send)
        except TooMuch as limit:
            await _refuse(Refusal(limit.status_code, limit.detail), request, receive, send)

    async def _let_through(self, request: Request, headers: Headers, receive: Receive, send: Send) -> None:
        if request["type"] == "websocket":
            await self._app(request, receive, send)
            return
        body = self._load.begin_body(_announced(headers), receive)
        try:
            await self._app(request, body.receive, _with_safe_headers(send))
        except ClientDisconnect:
            return  # within the body: nobody waits for an answer, and nobody can fill the log by this
        finally:
            body.done()

    def _wanted(self, request: Request, headers: Headers) -> Scope:
        method = request.get("method", "GET")
        if method == "OPTIONS" and "origin" in headers:
            # What a page of another origin is about to do.
            method = headers.get("access-control-request-method", method)
        reads = method in READING or (method == "POST" and self._is_question(request["path"]))
        return "read" if reads else "control"

    def _refusal(
        self, request: Request, headers: Headers, presented: Presented | None, wanted: Scope
    ) -> Refusal | None:
        if self._access.decided_behind:
            return None
        if self._access.tokens:
            if _is_preflight(request, headers):
                return None
            refusal = self._refusal_by_token(presented, wanted)
            if refusal is not None or (presented is not None and presented.on_purpose):
                return refusal
        return self._refusal_by_page(headers, wanted)

    def _refusal_by_token(self, presented: Presented | None, wanted: Scope) -> Refusal | None:
        if presented is None:
            return Refusal(
                401,
                "this needs a token; send it as 'Authorization: Bearer TOKEN', or as the password of any user.",
            )
        allowed = self._access.tokens.scope_of(presented.token)
        if allowed is None:
            return Refusal(
                401, "the token is not one of this pipeline; ask whoever runs it for the present one."
            )
        if wanted == "control" and (allowed != "control" or presented.reading_only):
            return Refusal(
                403,
                "a token in the address only reads; send the one to control in the header Authorization."
                if presented.reading_only
                else "this token only reads; to change something takes the one to control.",
            )
        return None

    def _refusal_by_page(self, headers: Headers, wanted: Scope) -> Refusal | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._access.tokens and not self._access.knows_host(host):
            return Refusal(
                403,
                f"{host[:100]!r} is no name of this service; ask by its address, or add the name to the setting http_names.",
            )
        if origin is None:
            return None
        if wanted == "control" and not (self._access.is_ours(origin, host)):
            return Refusal(
                403,
                f"pages of {origin[:100]!r} may not command here; add the origin to the setting http_origins if that is meant.",
            )
        if not self._access.may_read(origin, host):
            return Refusal(
                403,
                f"pages of {origin[:100]!r} may not read here without a token; send one, or add the origin to the setting http_origins.",
            )
        return None


def _is_preflight(request: Request, headers: Headers) -> bool:
    """Browsers present no token when they ask whether they may ask; the answer tells nothing, and what they ask then is looked at."""
    return request.get("method") == "OPTIONS" and "access-control-request-method" in headers


def _presented(request: Request, headers: Headers) -> tuple[Request, Presented | None]:
    """The request without a token in its address, and the token that came with it."""
    request, in_address = _without_token(request)
    header = headers.get("authorization", "")
    kind, _, rest = header.partition(" ")
    if kind.lower() == "bearer":
        return request, Presented(rest.strip(), on_purpose=True)
    if kind.lower() == "basic":
        try:
            decoded = base64.b64decode(rest, validate=True).decode(errors="replace")
        except (binascii.Error, ValueError):
            decoded = ""
        return request, Presented(decoded.partition(":")[2], on_purpose=False)
    if in_address is not None:
        return request, Presented(in_address, on_purpose=True, reading_only=True)
    return request, None


def _without_token(request: Request) -> tuple[Request, str | None]:
    query: bytes = request.get("query_string", b"")
    if QUERY_NAME.encode() not in query:
        return request, None
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    found = [value for name, value in pairs if name == QUERY_NAME]
    if not found:
        return request, None
    others = urlencode([(name, value) for name, value in pairs if name != QUERY_NAME])
    return {**request, "query_string": others.encode("latin-1")}, found[0]


def _with_header(request: Request, token: str) -> Request:
    """The request with its token where those are told who ask another process on its behalf."""
    header = (b"authorization", f"Bearer {token}".encode(errors="replace"))
    return {**request, "headers": [*request["headers"], header]}


def _announced(headers: Headers) -> int | None:
    text = headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _with_safe_headers(send: Send) -> Send:
    async def sending(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            given = message.get("headers", ())
            headers = list(given) if isinstance(given, (list, tuple)) else []
            known = {name.lower() for name, _ in headers}
            headers += [(name, value) for name, value in SAFE_HEADERS.items() if name not in known]
            message = {**message, "headers": headers}
        await send(message)

    return sending  # type: ignore[return-value]  # messages are dictionaries, whatever their type is called


async def _refuse(refusal: Refusal, request: Request, receive: Receive, send: Send) -> None:
    response = Response(
        msgspec.json.encode({"detail": refusal.sentence}), refusal.status, media_type="application/json"
    )
    if refusal.status == 401:
        for challenge in CHALLENGES:
            response.headers.append("WWW-Authenticate", challenge)
    if refusal.status == 503:
        response.headers["Retry-After"] = "1"
    if request["type"] == "websocket":
        await WebSocket(request, receive, send).send_denial_response(response)
    else:
        await response(request, receive, _with_safe_headers(send))
