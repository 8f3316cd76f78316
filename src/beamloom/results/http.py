"""Results over HTTP, for notebooks, scripts and simple viewers.

::

    GET /api/v1/result/{JSONPath}?slice=&format=   what the path selects: a list of matches (npy: the one array)
    GET /api/v1/result/pickle                      a pickle of the whole tree
    GET /api/v1/status                             how far the reducer is
    GET /, /groups/..., /datasets/...              the tree as HDF5 over HTTP: see ``hdf5/routes.py``

Errors are JSON, ``{"detail": sentence}``: 400 for a path or slice that is wrong, 404 where it selects nothing, 406 for a form
that cannot be had, 503 while the tree changes too fast to be read, 500 where the analysis' own code fails while it is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from beamloom.errors import UserError
from beamloom.results.encodings import (
    JSON,
    PICKLE,
    Encoding,
    NotAcceptable,
    acceptable,
    accepts_gzip,
    as_json,
    is_changing,
)
from beamloom.results.hdf5 import hdf5_routes
from beamloom.results.selection import NothingSelected, SelectionError, select
from beamloom.results.snapshot import Changing, ResultsReader, Snapshot, Unreadable

logger = logging.getLogger(__name__)

COMPRESS_FROM = 1024
"""Bodies of more bytes than this are compressed for clients that accept it."""
READ_ATTEMPTS = 5
"""How often a tree that changes while it is read is read before that is told."""


def make_app(
    reader: ResultsReader, *, cors: bool = False, more_routes: Sequence[BaseRoute] = ()
) -> Starlette:
    """The HTTP application. ``cors``: pages of every origin may read; ``more_routes`` are looked up first."""
    middleware = [
        Middleware(
            CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "POST"], expose_headers=["ETag"]
        )
    ]
    return Starlette(
        routes=[*more_routes, *result_routes(reader), *hdf5_routes(reader)],
        middleware=middleware if cors else [],
        exception_handlers={HTTPException: _http_error, UserError: _user_error},
    )


def result_routes(reader: ResultsReader) -> list[Route]:
    """The routes of this module, for an application that has others, too."""
    service = _Results(reader)
    return [
        Route("/api/v1/status", service.status),
        Route("/api/v1/result/pickle", service.whole_pickle),
        Route("/api/v1/result", service.selected),
        Route("/api/v1/result/{path:path}", service.selected),
    ]


Selection = Callable[[Mapping[str, Any]], Any]
"""Takes from a tree what is to be sent."""


class _Results:
    def __init__(self, reader: ResultsReader) -> None:
        self._reader = reader

    async def status(self, request: Request) -> Response:
        return Response(as_json(await self._reader.status()), media_type=JSON.media_type)

    async def whole_pickle(self, request: Request) -> Response:
        return await self._respond(request, [PICKLE], lambda publish: publish)

    async def selected(self, request: Request) -> Response:
        path = request.path_params.get("path", "")
        slice_text = request.query_params.get("slice")
        encodings = acceptable(request.headers.get("accept"), request.query_params.get("format"))
        return await self._respond(request, encodings, lambda publish: select(publish, path, slice_text))

    async def _respond(self, request: Request, encodings: list[Encoding], selection: Selection) -> Response:
        try:
            return await self._read_and_send(request, encodings, selection)
        except UserError:
            raise
        except Exception as error:
            # Properties and copying methods of whatever the analysis publishes may raise anything.
            logger.warning("The publish tree cannot be read.", exc_info=True)
            raise Unreadable(
                f"the reducer's tree cannot be read ({type(error).__name__}: {error}); correct what the reducer class publishes, "
                "the log of the reducer shows where it failed."
            ) from error

    async def _read_and_send(
        self, request: Request, encodings: list[Encoding], selection: Selection
    ) -> Response:
        snapshot = await self._reader.snapshot()
        publish = snapshot.publish
        if publish is None:
            raise NothingSelected(
                "the reducer publishes nothing yet; start a run, or set self.publish in the reducer class."
            )
        headers = {"Vary": "Accept, Accept-Encoding", "Cache-Control": "no-cache"}
        tag = _tag(snapshot, encodings[0])
        if _matches(tag, request.headers.get("if-none-match")):
            return Response(status_code=304, headers={**headers, "ETag": tag})
        # Large trees take long to encode; the server goes on answering others meanwhile.
        encoding, body = await asyncio.to_thread(_read, lambda: selection(publish), encodings, snapshot.lock)
        headers["ETag"] = _tag(snapshot, encoding)
        if (
            encoding.compressible
            and len(body) > COMPRESS_FROM
            and accepts_gzip(request.headers.get("accept-encoding"))
        ):
            body = await asyncio.to_thread(gzip.compress, body, 1)
            headers["Content-Encoding"] = "gzip"
        return Response(body, media_type=encoding.media_type, headers=headers)


def _read(
    selection: Callable[[], Any], encodings: list[Encoding], lock: AbstractContextManager[Any] | None
) -> tuple[Encoding, bytes]:
    for _ in range(READ_ATTEMPTS):
        try:
            with lock if lock is not None else contextlib.nullcontext():
                return _encode(selection(), encodings)
        except RuntimeError as error:
            if not is_changing(error):
                raise
    raise Changing(
        "the tree changed each time while it was read; ask again, select a smaller part, or give the reducer a publish_rlock."
    )


def _encode(value: Any, encodings: list[Encoding]) -> tuple[Encoding, bytes]:
    """In the first encoding that can hold the value. Raises NotAcceptable with what kept it out of the best."""
    first_error: NotAcceptable | None = None
    for encoding in encodings:
        try:
            return encoding, encoding.encode(value)
        except NotAcceptable as error:
            first_error = first_error or error
    raise first_error or NotAcceptable("there is no form to send results in; accept application/json.")


def _tag(snapshot: Snapshot, encoding: Encoding) -> str:
    """Weak, because the same version may be compressed or not."""
    return f'W/"{snapshot.run or "none"}-{snapshot.version}-{encoding.name}"'


def _matches(tag: str, if_none_match: str | None) -> bool:
    if if_none_match is None:
        return False
    known = [entry.strip().removeprefix("W/") for entry in if_none_match.split(",")]
    return tag.removeprefix("W/") in known


def _detail(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(as_json({"detail": sentence}), status, headers, JSON.media_type)


_STATUS: dict[type[Exception], int] = {
    SelectionError: 400,
    NothingSelected: 404,
    NotAcceptable: 406,
    Changing: 503,
    Unreadable: 500,
}


async def _user_error(request: Request, error: Exception) -> Response:
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
            405, f"{request.method} is not possible at {request.url.path}; results can only be read, by GET."
        )
    return _detail(status, str(getattr(error, "detail", error)))
