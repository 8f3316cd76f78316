"""LZ4 for kernels: the function of the library, which the package ``lz4`` holds, called without the interpreter.

Where that package is missing, or built so that its library cannot be seen, ``AVAILABLE`` is False, and frames are unpacked beforehand.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

from llvmlite import binding
from numba import types

_NAME: Final = "LZ4_decompress_safe"


def _found() -> bool:
    try:
        binding.load_library_permanently(importlib.import_module("lz4.block._block").__file__)
    except (ImportError, RuntimeError):
        return False
    return binding.address_of_symbol(_NAME) is not None


AVAILABLE: Final = _found()

decompress: Any = types.ExternalFunction(_NAME, types.int32(types.intp, types.intp, types.int32, types.int32))
"""For kernels: from address, to address, bytes there are, bytes there is room for; the bytes that came out, or less than 0.

It writes no further than there is room, whatever the bytes are.
"""
