"""Compressing bodies for clients that accept it (RFC 9110, part 12.5.3): zstd where they take it as gladly as gzip, which is slower."""

from __future__ import annotations

import gzip
from typing import Literal

import zstandard

from beamloom.results.encodings import weighted

Coding = Literal["zstd", "gzip"]
COMPRESS_FROM = 1024
"""Bodies of fewer bytes are sent as they are."""
SAMPLE = 2**16
"""Bytes that tell whether a body gets smaller."""
WORTH = 0.8
"""The part of its size to which the sample must shrink."""


def coding_of(accept_encoding: str | None) -> Coding | None:
    """The coding that a client prefers; None where it accepts none."""
    accepted = dict(weighted(accept_encoding or ""))
    others = accepted.get("*", 0.0)
    zstd, gzipped = accepted.get("zstd", others), accepted.get("gzip", others)
    if max(zstd, gzipped) <= 0:
        return None
    return "zstd" if zstd >= gzipped else "gzip"


def compressed(body: bytes, coding: Coding) -> bytes | None:
    """The body, compressed; None where that is not worth the time."""
    if len(body) <= COMPRESS_FROM or len(_compress(body[:SAMPLE], coding)) > WORTH * min(len(body), SAMPLE):
        return None
    return _compress(body, coding)


def _compress(body: bytes, coding: Coding) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(body) if coding == "zstd" else gzip.compress(body, 1)
