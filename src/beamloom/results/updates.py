"""Live updates: which parts of the tree have changed, as a WebSocket or as server-sent events.

::

    GET /api/v1/updates?paths=&rate=&since=     upgraded to a WebSocket, or as a stream of events

The first message comes at once and tells all that is there (with ``since``, what has changed after that version); then one for each
change, at most 20 a second. Over a WebSocket, a client may send another wish at any time: ``{"paths": ["$.map"], "rate": 5}``.

Sending waits until the client has room for more, and what a client is told next is reckoned only then: ``following.py``. Nothing is kept
for it meanwhile, no version of the tree either; the server ends its connection when it has taken nothing for long.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from beamloom.errors import UserError
from beamloom.openapi import Told, Value
from beamloom.results.encodings import NotAcceptable, weighted
from beamloom.results.following import Follower, Update, as_text, told_of, wish_in, wish_of
from beamloom.results.reading import said_in_words
from beamloom.results.selection import SelectionError
from beamloom.results.snapshot import ResultsReader

EVENT_STREAM = "text/event-stream"
KEEP_ALIVE = 15.0
"""Seconds without a change after which a stream of events shows that it is alive."""
GOING_AWAY, WRONG_MESSAGE = 1001, 1008
"""Status codes of WebSockets (RFC 6455, part 7.4.1)."""
MOST_REASON_BYTES = 120


def update_routes(reader: ResultsReader) -> list[BaseRoute]:
    """The routes of this module."""
    service = _Updates(reader)
    path = "/api/v1/updates"
    return [
        WebSocketRoute(path, service.socket),
        Told(
            path,
            service.events,
            answers=EVENT_STREAM,
            endless=True,
            query=[
                Value(name="paths", says="JSONPaths to follow.", repeated=True),
                Value(name="rate", kind=float, says="Messages per second at most."),
                Value(name="since", kind=int, says="Begin with what has changed after this version."),
            ],
        ),
    ]


class _Updates:
    def __init__(self, reader: ResultsReader) -> None:
        self._reader = reader

    async def _updates(self, follower: Follower) -> AsyncIterator[Update]:
        """What to tell a client, as often as it wants to hear it. Raises Ended, Unreadable, SelectionError."""
        with said_in_words():
            snapshot = await self._reader.snapshot()
        while True:
            # A path may visit every element of a large tree.
            with said_in_words():
                update = await asyncio.to_thread(follower.next_update, snapshot)
            version = snapshot.version
            # However long the client takes over the message, this version of the tree is not kept for it.
            del snapshot
            if update is not None:
                yield update
                await asyncio.sleep(follower.wish.pause)
            snapshot = await self._reader.newer(version)

    # ---- server-sent events -------------------------------------------------------------------------------------------------

    async def events(self, request: Request) -> Response:
        """A stream of events, each with a message as its data and its version as its id."""
        accepted = dict(weighted(request.headers.get("accept", "*/*")))
        if not any(accepted.get(name, 0.0) > 0 for name in (EVENT_STREAM, "text/*", "*/*")):
            raise NotAcceptable(f"updates are a stream of events or a WebSocket; accept {EVENT_STREAM}.")
        wish = wish_of(request.query_params.getlist("paths"), request.query_params)
        follower = Follower(wish, told_of(request.query_params, request.headers.get("last-event-id")))
        # What cannot be read at all is told as an answer, and not within one that has begun.
        with said_in_words():
            await self._reader.snapshot()
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._event_texts(follower), media_type=EVENT_STREAM, headers=headers)

    async def _event_texts(self, follower: Follower) -> AsyncIterator[str]:
        updates = self._updates(follower)
        pending: asyncio.Task[Update] | None = None
        try:
            while True:
                pending = pending or asyncio.ensure_future(anext(updates))
                done, _ = await asyncio.wait([pending], timeout=KEEP_ALIVE)
                if not done:
                    yield ": still here\n\n"
                    continue
                known, pending = pending, None
                update = known.result()
                yield f"id: {update.version}\ndata: {as_text(update)}\n\n"
        except UserError as error:
            yield f"event: end\ndata: {as_text({'detail': str(error)})}\n\n"
        finally:
            if pending is not None:
                pending.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await pending

    # ---- WebSockets ----------------------------------------------------------------------------------------------------------

    async def socket(self, websocket: WebSocket) -> None:
        """A WebSocket with a message for each update."""
        try:
            wish = wish_of(websocket.query_params.getlist("paths"), websocket.query_params)
            follower = Follower(wish, told_of(websocket.query_params))
        except SelectionError as error:
            await websocket.send_denial_response(JSONResponse({"detail": str(error)}, 400))
            return
        await websocket.accept()
        telling = asyncio.create_task(self._tell(websocket, follower))
        hearing = asyncio.create_task(_hear(websocket, follower))
        done, other = await asyncio.wait([telling, hearing], return_when=asyncio.FIRST_COMPLETED)
        for task in other:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                await task
        for task in done:
            code, reason = task.result()
            if code is not None:
                with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                    await websocket.close(code, reason.encode()[:MOST_REASON_BYTES].decode(errors="ignore"))

    async def _tell(self, websocket: WebSocket, follower: Follower) -> tuple[int | None, str]:
        """Send until that is no longer possible; returns with which code and reason to close."""
        try:
            async for update in self._updates(follower):
                await websocket.send_text(as_text(update))
        except SelectionError as error:
            return WRONG_MESSAGE, str(error)
        except UserError as error:
            return GOING_AWAY, str(error)
        except (WebSocketDisconnect, RuntimeError):
            pass
        return None, ""


async def _hear(websocket: WebSocket, follower: Follower) -> tuple[int | None, str]:
    """Take the client's wishes until it goes; returns with which code and reason to close."""
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return None, ""
            follower.wish = wish_in(message.get("text") or message.get("bytes") or "")
    except SelectionError as error:
        return WRONG_MESSAGE, str(error)
