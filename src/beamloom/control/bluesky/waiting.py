"""How a plan waits for something outside of the RunEngine without holding it up.

The waiting is cut into short pieces with a checkpoint before each: a deferred pause is granted between two of them, an immediate one or an
abort at once, and a plan that is resumed waits on for what is left of its time. While it is paused, no time passes for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from concurrent.futures import Future
from typing import Any

from bluesky.utils import Msg

from beamloom.errors import UsageError, did_you_mean

PIECE_SECONDS = 0.2
"""Longest time until a deferred pause is granted."""


def check_choice(when_late: str, choices: tuple[str, ...]) -> None:
    """Raise UsageError where that is none of the choices."""
    if when_late not in choices:
        known = ", ".join(map(repr, choices))
        raise UsageError(
            f"when_late={when_late!r} is not known{did_you_mean(when_late, choices)}; it is one of {known}"
        )


def wait_for(future: Future[Any], time_limit: float) -> Generator[Msg, Any, bool]:
    """Wait until ``future`` is done, for at most ``time_limit`` seconds; returns whether it is."""
    left = time_limit
    while not future.done() and left > 0:
        piece = min(left, PIECE_SECONDS)
        yield Msg("checkpoint")
        begun = time.monotonic()

        async def a_while(seconds: float = piece) -> None:
            await asyncio.wait([asyncio.wrap_future(future)], timeout=seconds)

        yield Msg("wait_for", None, [a_while])
        # A plan that was paused here has been waiting for longer than this piece, and does not pay for it.
        left -= min(time.monotonic() - begun, piece)
    return future.done()
