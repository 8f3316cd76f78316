"""Small pictures as PNG (ISO/IEC 15948): eight bits, one of 256 colours a pixel or red, green and blue; no filter, no interlace."""

from __future__ import annotations

import struct
import zlib
from typing import Any, Final

import numpy as np

Octets = np.ndarray[Any, np.dtype[np.uint8]]

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_TRUE_COLOUR: Final = 2
_INDEXED: Final = 3


def indexed_png(pixels: Octets, palette: Octets) -> bytes:
    """A picture of ``pixels``, (y, x), each an index into ``palette``, (256, 3) of red, green and blue."""
    return _png(pixels, _INDEXED, _chunk(b"PLTE", palette.astype(np.uint8).tobytes()))


def colour_png(pixels: Octets) -> bytes:
    """A picture of ``pixels``, (y, x, 3) of red, green and blue."""
    return _png(pixels.reshape(len(pixels), -1), _TRUE_COLOUR, b"")


def _png(rows: Octets, colour_type: int, palette: bytes) -> bytes:
    height, width = rows.shape
    width //= 3 if colour_type == _TRUE_COLOUR else 1
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    unfiltered = np.zeros((height, 1 + rows.shape[1]), np.uint8)
    unfiltered[:, 1:] = rows
    scanlines = zlib.compress(unfiltered.tobytes(), 6)
    return b"".join(
        [_SIGNATURE, _chunk(b"IHDR", header), palette, _chunk(b"IDAT", scanlines), _chunk(b"IEND", b"")]
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
