"""The kept events one by one over HTTP, for a page that goes from one to the next and shows each as it is.

``/api/v1/kept`` lists them, ``/api/v1/kept/{place}`` tells one as ``event_view`` does, and ``/api/v1/kept/{place}/array`` has an array of
it (``stream``, and ``name`` as in its ``arrays``) as a file of numpy, in the size in which it is shown (``most`` and ``by`` as in
``results.shown``).
All is made when it is asked for.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from beamloom.glance.event_view import arrays_of, show_event
from beamloom.glance.kept import Kept, KeptEvents
from beamloom.results.encodings import as_npy
from beamloom.results.plain import to_json
from beamloom.results.selection import SelectionError
from beamloom.results.shown import Size, shown

NPY = "application/x-npy"


def kept_routes(events: KeptEvents) -> list[Route]:
    """The routes to them."""

    def listed(request: Request) -> Response:
        version = {"etag": f'"{events.version}"', "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == version["etag"]:
            return Response(status_code=304, headers=version)
        lines = [_line(kept) for kept in events.last(events.most)]
        told = {"keeps": events.most, "seen": events.seen, "events": lines}
        return _json(told, headers=version)

    # No coroutines: unpacking takes a while, and Starlette calls these in a thread.
    def one(request: Request) -> Response:
        kept = _found(events, request)
        if isinstance(kept, str):
            return _refused(kept, 404)
        return _json({**_line(kept), **show_event(kept.event, thumbnails=False)})

    def array(request: Request) -> Response:
        kept = _found(events, request)
        if isinstance(kept, str):
            return _refused(kept, 404)
        asked = request.query_params
        found = _array(kept, asked.get("stream", ""), asked.get("name", ""))
        if isinstance(found, str):
            return _refused(found, 404)
        try:
            size = Size.asked(asked.get("most", ""), asked.get("by", "max"))
            body = as_npy([shown(found, size)])
        except SelectionError as error:
            return _refused(str(error), 400)
        return Response(body, media_type=NPY)

    return [
        Route("/api/v1/kept", listed),
        Route("/api/v1/kept/{place:int}", one),
        Route("/api/v1/kept/{place:int}/array", array),
    ]


def _line(kept: Kept) -> dict[str, Any]:
    return {
        "place": kept.place,
        "event_number": kept.event.event_number,
        "at": kept.at,
        "bytes": kept.size,
    }


def _found(events: KeptEvents, request: Request) -> Kept | str:
    """The event, or why there is none."""
    place = request.path_params["place"]
    kept = events.at(place)
    if kept is not None:
        return kept
    if place < events.seen:
        return (
            f"this event is not kept any more: the debug worker keeps the last {events.most}, see keep_events"
        )
    return f"only {events.seen} events have come, and this would be one after them"


def _array(kept: Kept, stream: str, name: str) -> Any:
    """The array, or why there is none."""
    packet = kept.event.streams.get(stream)
    if packet is None:
        there = ", ".join(kept.event.streams) or "none"
        return f"the event has no packet of a stream {stream!r:.60}; it has: {there}"
    try:
        arrays = arrays_of(packet)
    # A site's own parser may raise anything.
    except Exception as error:  # noqa: BLE001
        return f"the packet cannot be read: {type(error).__name__}: {error}"
    if name not in arrays:
        return f"the packet has no array {name!r:.60}; it has: {', '.join(arrays) or 'none'}"
    return arrays[name]


def _refused(sentence: str, status: int) -> Response:
    return _json({"detail": sentence}, status)


def _json(told: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(to_json(told), status, headers, media_type="application/json")
