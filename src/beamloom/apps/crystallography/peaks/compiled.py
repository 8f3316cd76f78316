"""The kernels of the peak search.

Threads are Python's own, each with rows of its own; numba's are not used, since two of its three kinds must not be called from two
threads at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from beamloom.apps import compiled as kernels

compiled = kernels.compiled("crystallography", what="the peak search", contracts=True)


def compilations(*kernels: Callable[..., Any]) -> int:
    """How often this process has compiled one of ``kernels``, rather than found it in the cache."""
    return sum(sum(cast(Any, kernel).stats.cache_misses.values()) for kernel in kernels)
