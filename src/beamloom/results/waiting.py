"""Long polls: ``?wait=VERSION`` is answered when what is selected has changed after that version, or after ``&timeout=`` seconds.

The version is that of an answer before (``X-Beamloom-Version``), so that a client that asks again and again misses no change. A reducer
that was started anew goes on beyond all versions of the one before it: whoever knows one of those is answered at once. So is whoever knows
a version that is yet to come, which is of a reducer on whose machine the clock was put back.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from beamloom.results.reading import Selected
from beamloom.results.selection import NothingSelected, SelectionError
from beamloom.results.snapshot import ResultsReader, Snapshot

DEFAULT_TIMEOUT = 30.0
LONGEST_TIMEOUT = 300.0
MOST_DIGITS = 15


class NothingNew(SelectionError):
    """What is selected has not changed in time."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__("nothing that is selected has changed; ask again.")
        self.snapshot = snapshot


@dataclass(frozen=True)
class Wait:
    """Until when to wait."""

    version: int
    seconds: float


def wish_to_wait(query: Mapping[str, str]) -> Wait | None:
    """What ``?wait=&timeout=`` ask for; None without ``wait``. Raises SelectionError."""
    text = query.get("wait")
    if text is None:
        return None
    return Wait(version_number("wait", text), _seconds(query.get("timeout")))


def version_number(name: str, text: str) -> int:
    """The version that a client gives as ``name``. Raises SelectionError."""
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise SelectionError(
            f"{name}={text[:40]} is no version; give the number of X-Beamloom-Version of the last answer."
        )
    return int(text)


def _seconds(text: str | None) -> float:
    try:
        seconds = DEFAULT_TIMEOUT if text is None else float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= LONGEST_TIMEOUT:
        raise SelectionError(
            f"timeout={str(text)[:40]} is no time; give seconds, {LONGEST_TIMEOUT:g} at most."
        )
    return seconds


async def changed_after(
    reader: ResultsReader, wait: Wait, select: Callable[[Snapshot], Awaitable[Selected]]
) -> Selected:
    """What is selected once it has changed. Raises NothingNew, or NothingSelected, when that takes too long."""
    snapshot = await reader.snapshot()
    after = wait.version if wait.version <= snapshot.version else -1
    found = await _selected(select, snapshot)
    first = found
    try:
        async with asyncio.timeout(wait.seconds):
            while isinstance(found, NothingSelected) or (
                # Where less is selected than before, nothing that is left needs to have changed.
                found.version <= after and isinstance(first, Selected) and found.digest == first.digest
            ):
                snapshot = await reader.newer(snapshot.version)
                found = await _selected(select, snapshot)
    except TimeoutError:
        raise found if isinstance(found, NothingSelected) else NothingNew(snapshot) from None
    return found


async def _selected(
    select: Callable[[Snapshot], Awaitable[Selected]], snapshot: Snapshot
) -> Selected | NothingSelected:
    try:
        return await select(snapshot)
    except NothingSelected as error:
        return error
