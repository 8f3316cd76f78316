"""When a device is read again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from beamloom.engine.streams.read_pace import ENOUGH, REST, WORTH, ReadPace


def reads(times: list[float]) -> list[list[float]]:
    """What each read finds of packets that come at these times, when each is read as soon as the pace allows."""
    pace, found, waiting, free_at = ReadPace(), [], list(times), 0.0
    while waiting:
        now = max(waiting[0], free_at)
        came = [at for at in waiting if at <= now]
        waiting = waiting[len(came) :]
        found.append(came)
        free_at = pace.rest_after(len(came), now, drained=True) or now
    return found


def regular(rate: float, count: int) -> list[float]:
    return [1.0 + place / rate for place in range(count)]


@given(st.floats(0.1, 0.99 * WORTH / REST))
def test_a_slow_stream_is_read_as_each_packet_comes(rate: float) -> None:
    assert [len(came) for came in reads(regular(rate, 50))] == [1] * 50


@given(st.floats(2.5 * WORTH / REST, 0.9 * ENOUGH / REST))
def test_a_fast_stream_is_read_once_in_a_moment(rate: float) -> None:
    times = regular(rate, 2000)
    assert len(reads(times)) <= (times[-1] - times[0]) / REST + 3


@given(st.lists(st.floats(0.0, 0.01), min_size=1, max_size=300))
def test_no_packet_waits_for_longer_than_the_rest(gaps: list[float]) -> None:
    at, times = 1.0, []
    for gap in gaps:
        at += gap
        times.append(at)
    pace, waiting, free_at = ReadPace(), times, 0.0
    while waiting:
        now = max(waiting[0], free_at)
        assert now - waiting[0] <= REST + 1e-9
        came = sum(at <= now for at in waiting)
        waiting = waiting[came:]
        free_at = pace.rest_after(came, now, drained=True) or now


def test_who_reads_many_at_once_or_finds_more_does_not_rest() -> None:
    pace = ReadPace()
    assert pace.rest_after(1, 5.0, drained=True) is None
    assert pace.rest_after(ENOUGH, 5.0001, drained=True) is None
    assert pace.rest_after(ENOUGH - 1, 5.0002, drained=False) is None
    assert pace.rest_after(ENOUGH - 1, 5.0003, drained=True) == 5.0003 + REST
