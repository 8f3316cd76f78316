"""How the routes of this folder answer: made in another thread, with an ETag of what it holds, compressed where that helps."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from beamloom.results.encodings import accepts_gzip
from beamloom.results.hdf5.encoding import json_bytes

BINARY = "application/octet-stream"
JSON = "application/json"
COMPRESS_FROM = 1024
"""Bodies of more bytes than this are compressed for clients elsewhere that accept it, where that makes them smaller."""
SAMPLE = 2**16
"""Bytes that tell whether a body can be made smaller."""


async def json_later(request: Request, make: Callable[[], Any]) -> Response:
    """What ``make`` makes, as JSON."""
    return await send(request, lambda: (json_bytes(make()), JSON))


def json_answer(request: Request, content: Any) -> Response:
    """Small content as JSON, at once."""
    body = json_bytes(content)
    return _response(request, body, JSON, _tag(body), False, {})


async def send(
    request: Request, make: Callable[[], tuple[bytes, str]], headers: Mapping[str, str] | None = None
) -> Response:
    """Body and media type as ``make`` makes them, in another thread, since reading and compressing may take long."""
    compress = accepts_gzip(request.headers.get("accept-encoding")) and not _is_on_this_machine(request)

    def prepare() -> tuple[bytes, str, str, bool]:
        body, media_type = make()
        tag = _tag(body)
        if compress and len(body) > COMPRESS_FROM and _is_compressible(body):
            return gzip.compress(body, 1), media_type, tag, True
        return body, media_type, tag, False

    return _response(request, *await asyncio.to_thread(prepare), headers or {})


def _response(
    request: Request, body: bytes, media_type: str, tag: str, compressed: bool, more: Mapping[str, str]
) -> Response:
    headers = {**more, "ETag": tag, "Vary": "Accept, Accept-Encoding", "Cache-Control": "no-cache"}
    if tag in [known.strip() for known in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    if compressed:
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type=media_type, headers=headers)


def _is_on_this_machine(request: Request) -> bool:
    """Whether the answer goes to no network, where compressing takes longer than sending."""
    forwarded = "forwarded" in request.headers or "x-forwarded-for" in request.headers
    return request.client is not None and request.client.host in ("127.0.0.1", "::1") and not forwarded


def _tag(body: bytes) -> str:
    """Weak, because the same content may be compressed or not."""
    return f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def _is_compressible(body: bytes) -> bool:
    sample = body[:SAMPLE]
    return len(gzip.compress(sample, 1)) < 0.8 * len(sample)
