"""How a shared memory is laid out: a head that tells it from others, the generation of each page, the pages.

A page that a frame begins on has the number of that frame as its generation, all others have 0. It is taken away before the page is used
again, so that whoever was told the number can see whether the frame is still there.
"""

from __future__ import annotations

import mmap
import struct
from typing import Final, NamedTuple

SHARED_BYTES: Final = 64 * 1024
"""Frames from this size on are shared; for smaller ones a place costs as much as their bytes."""
PAGE: Final = mmap.PAGESIZE
"""Frames begin on pages."""
MAGIC: Final = b"beamloom frames\n"
TOKEN_BYTES: Final = 16
HEAD: Final = struct.Struct(f"<{len(MAGIC)}s{TOKEN_BYTES}sQ")
"""Magic, token, number of pages."""
GENERATIONS_AT: Final = PAGE
_ALIGNED: Final = 1 << 21


class Layout(NamedTuple):
    """Where what is, in bytes."""

    pages: int
    pages_at: int
    size: int


def layout_of(nbytes: int) -> Layout:
    """The layout of a memory for ``nbytes`` of frames."""
    pages = -(-nbytes // PAGE)
    end = GENERATIONS_AT + 8 * pages
    # Where large pages begin, should the system give such.
    pages_at = -(-end // _ALIGNED) * _ALIGNED
    return Layout(pages, pages_at, pages_at + pages * PAGE)
