"""The dashboard: the files of ``beamloom/web``, as they were built, read once and handed out with their ETag.

A browser keeps what it has and asks whether it is still so; nothing comes from anywhere else, which the page's own policy says to browsers.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from beamloom.openapi import Told
from beamloom.results.encodings import accepts_gzip

POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; worker-src 'self' blob:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""What the page may load: what comes from here. Styles stand in elements, too."""
PAGE = "index.html"
TEXT = ("text/", "application/javascript", "application/json", "image/svg+xml")
"""Media types that get smaller when compressed."""


class File(NamedTuple):
    """One file of the dashboard."""

    content: bytes
    zipped: bytes | None
    """The same by gzip, where that is smaller."""
    media_type: str
    etag: str


def web_file(name: str) -> File | None:
    """The file of that name; None where there is none. Names go down one folder at most, and never up."""
    return web_files().get(name)


@cache
def web_files() -> Mapping[str, File]:
    """All files by name, as they are when the first one is asked for.

    When the package is updated beneath a controller that runs, old files with new ones among them would not fit together.
    """
    place = resources.files("beamloom") / "web"
    found = {"": place, "assets/": place / "assets"}
    return {
        folder + one.name: _file(one)
        for folder, inside in found.items()
        for one in inside.iterdir()
        if one.is_file() and not one.name.startswith(".")
    }


def _file(found: Traversable) -> File:
    content = found.read_bytes()
    media_type = mimetypes.guess_type(found.name)[0] or "application/octet-stream"
    zipped = gzip.compress(content, 9, mtime=0) if media_type.startswith(TEXT) else None
    return File(content, zipped, media_type, f'"{hashlib.sha256(content).hexdigest()[:20]}"')


async def page(request: Request) -> Response:
    """The dashboard, for people."""
    return _answer(request, PAGE)


async def asset(request: Request) -> Response:
    """A file that the dashboard loads."""
    return _answer(request, f"assets/{request.path_params['name']}")


def dashboard_routes() -> list[Told]:
    """The page at the root, and what it loads."""
    return [Told("/", page, answers="text/html"), Told("/assets/{name}", asset, answers="*/*")]


def _answer(request: Request, name: str) -> Response:
    file = web_file(name)
    if file is None:
        raise HTTPException(404)
    headers = {"ETag": file.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if name == PAGE:
        headers["Content-Security-Policy"] = POLICY
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=headers)
    body: Any = file.content
    if file.zipped is not None and accepts_gzip(request.headers.get("accept-encoding")):
        body = file.zipped
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers, media_type=file.media_type)
