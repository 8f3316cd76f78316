"""Kernels by numba: compiled once on a machine, kept beside the source or in the user's cache, and run without the interpreter's lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from beamloom import UserError

try:
    import numba
except ImportError as _missing:  # pragma: no cover - where numba is not installed
    raise UserError(
        f"localization needs numba, which is not here ({_missing}); pip install 'beamloom[localization]'"
    ) from None

_Kernel = TypeVar("_Kernel", bound=Callable[..., Any])


def compiled(kernel: _Kernel) -> _Kernel:
    """``kernel`` in machine code, made for each kind of argument when it is first called with it.

    A product may be contracted with the sum that it goes into; nothing else of floating point arithmetic is loosened.
    """
    return cast(
        _Kernel, numba.njit(kernel, nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
    )
