"""Work is handed out only a moment ahead of the data: what a person changes, and who comes late, counts soon."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest

from live.pipelines import Bench, Live, wait_until
from live.series import Message, open_map, pictures_until

pytestmark = pytest.mark.processes

SLOW = 200
"""Pictures per second after a burst."""


def in_a_burst_and_then_slowly(burst: int, enough: threading.Event) -> Iterator[Message]:
    """A series whose first pictures come as fast as they are taken."""
    series = pictures_until(enough)
    yield from itertools.islice(series, 1 + burst)
    for message in series:
        enough.wait(1 / SLOW)
        yield message


BURST = 3000
AHEAD = {0: SLOW // 2, BURST: BURST}
"""Most events leased ahead, by the length of a burst before: what was leased at the burst's pace, which is the machine's, stays leased."""


@pytest.mark.parametrize("burst", sorted(AHEAD))
def test_events_are_leased_a_moment_ahead(live: Live, cameras: Bench, burst: int) -> None:
    enough = threading.Event()
    live.arm(open_map(["front"]))
    cameras.play("front", in_a_burst_and_then_slowly(burst, enough))
    try:
        wait_until(lambda: live.completed(burst + SLOW // 4), "the burst and a little more", live.state)
        now = live.progress()
        assert now["last_assigned"] - now["completed_events"] < AHEAD[burst]
    finally:
        enough.set()
        live.finished(timeout=30.0)
