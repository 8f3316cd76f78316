"""Feedback of the analysis, to whoever steers: asked for, as a stream of events, or over a WebSocket. All three tell the same.

Nobody is told anything twice or out of order, whatever breaks off: a client says up to where it knows all (``feedback_feed``).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import msgspec
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from beamloom.control.answers.feedback_feed import (
    MOST_DIGITS,
    Bell,
    Part,
    Place,
    beginning,
    behind,
    place_of,
    present_run,
)
from beamloom.control.asking import Asking, BadRequest, as_json, until_refused
from beamloom.errors import UserError

LONGEST_WAIT = 60.0
"""Seconds for which an answer may be waited for."""
SILENCE_SECONDS = 5.0
"""After which it is looked whether a client is still there, and it is told that the connection still stands."""
EVENT_STREAM = "text/event-stream"
NORMAL_CLOSURE, GOING_AWAY = 1000, 1001
MOST_REASON_BYTES = 120


class Wish(NamedTuple):
    """What a client wants to hear."""

    place: Place
    alone: bool
    """Of that run only."""
    kinds: frozenset[str]


class FeedbackAnswers(Asking):
    """What is asked of feedback."""

    @functools.cached_property
    def _bell(self) -> Bell:
        bell = Bell()
        self._controller.listeners.append(bell.ring)
        return bell

    async def feedback(self, request: Request) -> Response:
        """What the analysis has said behind a place; with ``wait``, as soon as there is something, or after so many seconds."""
        seconds = _wait_of(request.query_params)
        wish = await self._wish(request.query_params, request.headers)
        missed = 0
        end = time.monotonic() + seconds
        with self._bell.heard() as ring:
            while True:
                part = await self._ask(
                    functools.partial(behind, self._controller, wish.place, alone=wish.alone)
                )
                missed += part.missed
                told = part._replace(missed=missed).to_json(wish.kinds)
                left = end - time.monotonic()
                if told["feedback"] or missed or (part.over and wish.alone) or left <= 0:
                    return as_json(told, headers={"Cache-Control": "no-store"})
                wish = wish._replace(place=part.place)
                if not part.more:
                    await ring(min(left, SILENCE_SECONDS))
                if await request.is_disconnected():
                    return Response(status_code=204)

    async def feedback_stream(self, request: Request) -> Response:
        """What the analysis says, as it says it, as server-sent events; ``Last-Event-ID`` goes on where a client was."""
        wish = await self._wish(request.query_params, request.headers)
        # What cannot be told at all is said as an answer, and not within one that has begun.
        await self._ask(functools.partial(behind, self._controller, wish.place, alone=wish.alone))

        async def texts() -> AsyncIterator[bytes]:
            async for kind, place, told in self._messages(wish, request.is_disconnected):
                yield (
                    b": nothing new\n\n"
                    if kind is None
                    else b"id: %s\nevent: %s\ndata: %s\n\n"
                    % (str(place).encode(), kind.encode(), msgspec.json.encode(told))
                )

        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(until_refused(texts()), media_type=EVENT_STREAM, headers=headers)

    async def feedback_socket(self, websocket: WebSocket) -> None:
        """The same over a WebSocket: one message for each piece, with the place behind it."""
        try:
            wish = await self._wish(websocket.query_params, websocket.headers)
            await self._ask(functools.partial(behind, self._controller, wish.place, alone=wish.alone))
        except UserError as error:
            await websocket.send_denial_response(as_json({"detail": str(error)}, 400))
            return
        await websocket.accept()
        gone = asyncio.create_task(_gone(websocket))
        telling = asyncio.create_task(self._tell(websocket, wish))
        await asyncio.wait([gone, telling], return_when=asyncio.FIRST_COMPLETED)
        code, reason = NORMAL_CLOSURE, ""
        for task in (gone, telling):
            task.cancel()
            try:
                await task
            except UserError as refusal:
                code, reason = GOING_AWAY, str(refusal)
            except (asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                pass
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await websocket.close(code, reason.encode()[:MOST_REASON_BYTES].decode(errors="ignore"))

    async def _tell(self, websocket: WebSocket, wish: Wish) -> None:
        async def never() -> bool:
            return False

        async for kind, place, told in self._messages(wish, never):
            if kind is not None:
                message = {"type": kind, "place": str(place), **told}
                await websocket.send_text(msgspec.json.encode(message).decode())

    async def _messages(
        self, wish: Wish, is_over: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[tuple[str | None, Place, Any]]:
        """Kind, place behind it, and content of all that a client is to be told; None for nothing new in a while."""
        place, ended = wish.place, None
        with self._bell.heard() as ring:
            while not await is_over():
                part: Part = await self._ask(
                    functools.partial(behind, self._controller, place, alone=wish.alone)
                )
                if part.missed:
                    yield "missed", place, {"missed": part.missed}
                for run, one in part.found:
                    if not wish.kinds or one.kind in wish.kinds:
                        yield "feedback", Place(run, one.number), one.to_json(run)
                place = part.place
                if part.over and ended != place.run:
                    ended = place.run
                    yield "over", place, {"run": place.run}
                    if wish.alone:
                        return
                if not part.more and not await ring(SILENCE_SECONDS):
                    yield None, place, None

    async def _wish(self, query: QueryParams, headers: Headers) -> Wish:
        """What a client asks for. Raises BadRequest."""
        kinds = frozenset(kind for text in query.getlist("kind") for kind in text.split(",") if kind)
        run = query.get("run") or None
        present = await self._ask(functools.partial(present_run, self._controller))
        if run == "last":
            run = present  # before the first run: those to come
        place = place_of(headers.get("last-event-id") or query.get("after") or "", run or present)
        if place is None or (run is not None and place.run != run):
            place = await self._ask(functools.partial(beginning, self._controller, run, _most_of(query)))
        return Wish(place, run is not None, kinds)


def _wait_of(query: QueryParams) -> float:
    text = query.get("wait", "0")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_WAIT:
        raise BadRequest(
            f"wait is a time of 0 to {LONGEST_WAIT:g} seconds, such as wait=20, not {text!r:.40}"
        )
    return seconds


def _most_of(query: QueryParams) -> int | None:
    text = query.get("last")
    if text is None:
        return None
    if not text.isdecimal() or len(text) > MOST_DIGITS:
        raise BadRequest(
            f"last is how many of the latest pieces are wanted, such as last=20, not {text!r:.40}"
        )
    return int(text)


async def _gone(websocket: WebSocket) -> None:
    """Return when the client has gone; what it says is not listened to."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


def feedback_socket_route(path: str, api: FeedbackAnswers) -> WebSocketRoute:
    """The route of the WebSocket, which no document of the API knows."""
    return WebSocketRoute(path, api.feedback_socket)
