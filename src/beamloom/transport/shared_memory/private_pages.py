"""Makes mapped pages a process' own, in the place where they are: whoever has their address goes on reading what was there."""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable

_READ, _WRITE = 1, 2
_PRIVATE, _ANONYMOUS = 2, 0x20
_MAY_MOVE, _FIXED = 1, 2
_FAILED = ctypes.c_void_p(-1).value


@functools.cache
def _calls() -> tuple[Callable[..., int], Callable[..., int], Callable[..., int]]:
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = library.mremap.restype = ctypes.c_void_p
    address, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    library.mmap.argtypes = [address, size, number, number, number, ctypes.c_long]
    library.mprotect.argtypes = [address, size, number]
    library.mremap.argtypes = [address, size, size, number, address]
    return library.mmap, library.mprotect, library.mremap


def make_private(address: int, size: int) -> None:
    """From now on [address, address + size), whole pages, are a copy that nobody else writes to. Raises OSError where memory is short."""
    map_pages, protect, move = _calls()
    copy = map_pages(None, size, _READ | _WRITE, _PRIVATE | _ANONYMOUS, -1, 0)
    if copy == _FAILED:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    ctypes.memmove(copy, address, size)
    protect(copy, size, _READ)
    # One step for all who read meanwhile: there is no moment without pages.
    if move(copy, size, size, _MAY_MOVE | _FIXED, address) == _FAILED:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
