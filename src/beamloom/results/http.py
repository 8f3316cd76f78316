"""Results over HTTP, for notebooks, scripts and simple viewers.

::

    GET /api/v1/result/{JSONPath}?slice=&format=   what the path selects: a list of matches (npy, arrow: the one match)
                            ?wait=&timeout=        the same, once it has changed after that version; 304 where it does not
    GET /api/v1/result/pickle                      a pickle of the whole tree
    GET /api/v1/updates                            which parts have changed, live: see ``updates.py``
    GET /api/v1/coverage                           which events are in the tree, which are not, and why
    GET /api/v1/runs[/{run}[/coverage | /result/...]]  the same of runs that have ended: see ``past.py``
    GET /api/v1/status                             how far the reducer is
    GET /, /groups/..., /datasets/...              the tree as HDF5 over HTTP: see ``hdf5/routes.py``

Errors are JSON, ``{"detail": sentence}``: 400 for a path or slice that is wrong, 404 where it selects nothing, 406 for a form
that cannot be had, 503 while the tree changes too fast to be read, 500 where the analysis' own code fails while it is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from beamloom import metrics
from beamloom.engine.accounts.coverage import NOTHING
from beamloom.errors import UserError
from beamloom.openapi import Told, Value, with_document
from beamloom.results.bodies import Bodies, Body
from beamloom.results.compression import Coding, coding_of, compressed
from beamloom.results.encodings import ARROW, JSON, NPY, PICKLE, Encoding, NotAcceptable, acceptable, as_json
from beamloom.results.hdf5 import hdf5_routes
from beamloom.results.past import PastReader, PastRuns
from beamloom.results.reading import Question, Selected, encoded, said_in_words, selected
from beamloom.results.selection import NothingSelected, SelectionError
from beamloom.results.snapshot import Changing, Ended, NotYet, ResultsReader, Snapshot, Unreadable
from beamloom.results.updates import update_routes
from beamloom.results.waiting import LONGEST_TIMEOUT, NothingNew, changed_after, wish_to_wait

MOST_QUESTIONS = 256
"""Selections of one snapshot that are kept."""
Endpoint = Callable[[Request], Awaitable[Response]]
FORMS = " ".join(encoding.media_type for encoding in (PICKLE, JSON, NPY, ARROW))
WAITING = (
    Value(
        name="wait",
        kind=Annotated[int, msgspec.Meta(ge=0, lt=10**15)],
        says="Answer when this version has changed.",
    ),
    Value(
        name="timeout",
        kind=Annotated[float, msgspec.Meta(ge=0, le=LONGEST_TIMEOUT)],
        says="Seconds to wait at most.",
    ),
)
"""How every selection can be waited for."""
EXPOSED = ["ETag", "X-Beamloom-Version", "X-Beamloom-Run"]
"""Headers that pages of other origins may see."""


def make_app(
    reader: ResultsReader,
    *,
    cors: bool = False,
    more_routes: Sequence[BaseRoute] = (),
    past: PastRuns | None = None,
) -> Starlette:
    """The HTTP application. ``cors``: pages of every origin may read; ``more_routes`` are looked up first; ``past`` are the last runs."""
    middleware = [
        Middleware(
            CORSMiddleware,
            allow_origins=["*"],
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=EXPOSED,
        )
    ]
    return Starlette(
        routes=[
            *with_document(
                "The reducer of Beamloom",
                [
                    *more_routes,
                    *result_routes(reader),
                    *([] if past is None else past_routes(past)),
                    *hdf5_routes(reader, past),
                ],
            )
        ],
        middleware=middleware if cors else [],
        exception_handlers={HTTPException: _http_error, UserError: _user_error},
    )


def result_routes(reader: ResultsReader) -> list[BaseRoute]:
    """The routes of this module and of ``updates.py``, for an application that has others, too."""
    service = _Results(reader)
    return [
        Told("/api/v1/status", service.status, answers=dict[str, Any]),
        Told("/metrics", service.metrics, answers=metrics.MEDIA_TYPE),
        Told("/api/v1/coverage", service.coverage, answers=dict[str, Any]),
        *_selecting("/api/v1/result", service.whole_pickle, service.selected),
        *update_routes(reader),
    ]


def past_routes(past: PastRuns) -> list[BaseRoute]:
    """The routes to the runs that have ended, each as the routes to the present one."""

    def of(
        answer: Callable[[_Results, Request], Awaitable[Response]],
    ) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            _, snapshot = await asyncio.to_thread(past.find, request.path_params["run"])
            return await answer(_Results(PastReader(snapshot)), request)

        return respond

    async def listed(request: Request) -> Response:
        runs = [
            {
                "run": record.run,
                "started": record.started,
                "ended": record.ended,
                "complete": record.coverage.get("complete"),
                "counts": record.coverage.get("counts"),
                "result": f"/api/v1/runs/{record.run}/result",
                **(
                    {}
                    if record.again_of is None
                    else {"again_of": record.again_of, "changed": record.changed}
                ),
            }
            for record in await asyncio.to_thread(past.records)
        ]
        return Response(as_json(runs), media_type=JSON.media_type)

    async def record(request: Request) -> Response:
        found, _ = await asyncio.to_thread(past.find, request.path_params["run"])
        return Response(as_json(msgspec.to_builtins(found, enc_hook=str)), media_type=JSON.media_type)

    one = "/api/v1/runs/{run}"
    return [
        Told(
            "/api/v1/runs",
            listed,
            answers=list[dict[str, Any]],
            says="The runs that have ended and can be read.",
        ),
        Told(one, record, answers=dict[str, Any], says="What is known of a run that has ended."),
        Told(
            f"{one}/coverage",
            of(_Results.coverage),
            answers=dict[str, Any],
            says="Which events are in its results.",
        ),
        *_selecting(f"{one}/result", of(_Results.whole_pickle), of(_Results.selected)),
    ]


def _selecting(path: str, pickle: Endpoint, selected: Endpoint) -> list[Told]:
    """The three routes to a publish tree."""
    asked = [
        Value(
            name="format",
            kind=Literal["pickle", "json", "npy", "arrow"],
            says="The form, in place of Accept.",
        ),
        *WAITING,
    ]
    part = Value(name="slice", says="What numpy would write between brackets, such as :,4:8,3.")
    also = {304: None, 500: "What the analysis publishes raises an error when it is read."}
    return [
        Told(
            f"{path}/pickle",
            pickle,
            answers=PICKLE.media_type,
            query=WAITING,
            also=also,
            says="All that is published, as a pickle.",
        ),
        Told(path, selected, answers=FORMS, query=asked, also=also, says="All that is published."),
        Told(
            f"{path}/{{path:path}}",
            selected,
            answers=FORMS,
            query=[part, *asked],
            also=also,
            says="What a JSONPath selects.",
        ),
    ]


class _Results:
    def __init__(self, reader: ResultsReader) -> None:
        self._reader = reader
        self._bodies = Bodies()
        self._snapshot: Snapshot | None = None
        self._selected: dict[Question, Selected] = {}

    async def status(self, request: Request) -> Response:
        """How far the reducer is."""
        return Response(as_json(await self._reader.status()), media_type=JSON.media_type)

    async def metrics(self, request: Request) -> Response:
        """Figures of the reducer, for Prometheus."""
        told = metrics.flattened("beamloom_reducer", await self._reader.status())
        return Response(metrics.page(told), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def coverage(self, request: Request) -> Response:
        """Which events are in the tree, which are not, and why."""
        with said_in_words():
            snapshot = await self._reader.snapshot()
        coverage = NOTHING if snapshot.coverage is None else snapshot.coverage
        answer = {**coverage.to_json(), "run": snapshot.run, "version": snapshot.version}
        return Response(as_json(answer), media_type=JSON.media_type, headers={"Cache-Control": "no-cache"})

    async def whole_pickle(self, request: Request) -> Response:
        return await self._respond(request, [PICKLE], Question(None))

    async def selected(self, request: Request) -> Response:
        question = Question(request.path_params.get("path", ""), request.query_params.get("slice"))
        encodings = acceptable(request.headers.get("accept"), request.query_params.get("format"))
        return await self._respond(request, encodings, question)

    async def _respond(self, request: Request, encodings: list[Encoding], question: Question) -> Response:
        wait = wish_to_wait(request.query_params)
        with said_in_words():
            if wait is None:
                selection = await self._select(await self._reader.snapshot(), question)
            else:
                selection = await changed_after(
                    self._reader, wait, lambda snapshot: self._select(snapshot, question)
                )
            return await self._send(request, encodings, question, selection)

    async def _select(self, snapshot: Snapshot, question: Question) -> Selected:
        if snapshot is not self._snapshot:
            self._snapshot, self._selected = snapshot, {}
        if snapshot.versions is not None and (known := self._selected.get(question)) is not None:
            return known
        # A path may visit every element of a large tree; the server goes on answering others meanwhile.
        selection = await asyncio.to_thread(selected, snapshot, question)
        if snapshot is self._snapshot and len(self._selected) < MOST_QUESTIONS:
            self._selected[question] = selection
        return selection

    async def _send(
        self, request: Request, encodings: list[Encoding], question: Question, selection: Selected
    ) -> Response:
        headers = {
            "Vary": "Accept, Accept-Encoding",
            "Cache-Control": "no-cache",
            **_where(selection.snapshot),
        }
        known = _known_tags(request)
        for encoding in encodings:
            if selection.tag(encoding) in known:
                return Response(status_code=304, headers={**headers, "ETag": selection.tag(encoding)})
        coding = coding_of(request.headers.get("accept-encoding"))
        names = tuple(encoding.name for encoding in encodings)
        body = await self._bodies.get(
            (selection.digest, names, coding), lambda: _make_body(selection, encodings, coding)
        )
        headers["ETag"] = body.tag
        if body.coding is not None:
            headers["Content-Encoding"] = body.coding
        return Response(body.content, media_type=body.media_type, headers=headers)


def _make_body(selection: Selected, encodings: list[Encoding], coding: Coding | None) -> Body:
    encoding, content = encoded(selection, encodings)
    tag = selection.tag(encoding)
    if coding is not None and encoding.compressible:
        smaller = compressed(content, coding)
        if smaller is not None:
            return Body(smaller, encoding.media_type, tag, coding)
    return Body(content, encoding.media_type, tag)


def _where(snapshot: Snapshot) -> dict[str, str]:
    headers = {"X-Beamloom-Version": str(snapshot.version)}
    return headers if snapshot.run is None else {**headers, "X-Beamloom-Run": snapshot.run}


def _known_tags(request: Request) -> set[str]:
    """What the client has, compared weakly (RFC 9110, part 8.8.3.2)."""
    header = request.headers.get("if-none-match", "")
    return {f"W/{entry.strip().removeprefix('W/')}" for entry in header.split(",")}


def _detail(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(as_json({"detail": sentence}), status, headers, JSON.media_type)


_STATUS: dict[type[Exception], int] = {
    SelectionError: 400,
    NothingSelected: 404,
    NotAcceptable: 406,
    Changing: 503,
    Ended: 503,
    NotYet: 503,
    Unreadable: 500,
}


async def _user_error(request: Request, error: Exception) -> Response:
    if isinstance(error, NothingNew):
        return Response(status_code=304, headers={"Cache-Control": "no-cache", **_where(error.snapshot)})
    status = _STATUS.get(type(error), 400)
    return _detail(status, str(error), {"Retry-After": "1"} if status == 503 else None)


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return _detail(
            404, f"there is nothing at {request.url.path}; results are at /api/v1/result/ and a JSONPath."
        )
    if status == 405:
        return _detail(
            405,
            f"{request.method} is not possible at {request.url.path}; results can only be read, by GET.",
            getattr(error, "headers", None),
        )
    return _detail(status, str(getattr(error, "detail", error)))
