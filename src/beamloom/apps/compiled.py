"""Kernels by numba: compiled once on a machine, kept beside the source or in the user's cache, and run without the interpreter's lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from beamloom import UserError

_Kernel = TypeVar("_Kernel", bound=Callable[..., Any])


def compiled(
    extra: str, *, what: str = "this analysis", contracts: bool = False
) -> Callable[[_Kernel], _Kernel]:
    """A decorator that makes machine code of a function when it is first called with arguments of their kinds.

    ``extra`` is what brings numba for ``what``; where it is missing, UserError names both. With ``contracts`` a product may be
    contracted with the sum that it goes into; nothing else of floating point arithmetic is loosened.
    """
    try:
        import numba
    except ImportError as missing:
        raise UserError(
            f"{what} needs numba, which is not here ({missing}); pip install 'beamloom[{extra}]'"
        ) from None
    fastmath: Any = {"contract"} if contracts else False

    def compile_kernel(kernel: _Kernel) -> _Kernel:
        return cast(
            _Kernel, numba.njit(kernel, nogil=True, cache=True, error_model="numpy", fastmath=fastmath)
        )

    return compile_kernel
