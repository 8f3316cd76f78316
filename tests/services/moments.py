"""The moments of a run at which tests trouble it: a third of them in `make test`, the others in `make test-more`.

``BEAMLOOM_DEEP=1`` looks at each moment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import pytest

DEEP = bool(os.environ.get("BEAMLOOM_DEEP"))

Moments = Callable[[int, int, int], Sequence[int]]
"""Which of the moments from ``first`` to below ``stop`` are looked at, where each ``stride``-th is by both together."""


def some(first: int, stop: int, stride: int) -> Sequence[int]:
    """Each third of them, from the first on."""
    return range(first, stop, 1 if DEEP else 3 * stride)


def others(first: int, stop: int, stride: int) -> Sequence[int]:
    """Those between."""
    return sorted(set(range(first, stop, stride)) - set(some(first, stop, stride)))


at_moments = pytest.mark.parametrize(
    "moments", [some] if DEEP else [some, pytest.param(others, marks=pytest.mark.long)]
)
