"""Only packets that were under way to a killed ingester are excused."""

from __future__ import annotations

from typing import Any

from chaos.excuses import CAMERA_GONE, SENT_INTO_NOTHING, UNDER_WAY, Excuse, broken_series, excused


def loss(first: int, last: int, cause: str = CAMERA_GONE) -> dict[str, Any]:
    return {"events": [first, last], "cause": cause}


def test_what_had_been_sent_shortly_before_is_excused_and_nothing_else() -> None:
    death = [Excuse(1000)]
    assert excused([loss(990, 999)], death) == frozenset(range(990, 1000))
    assert excused([loss(1000 + SENT_INTO_NOTHING, 1200)], death) == frozenset()
    assert excused([loss(1, 999 - UNDER_WAY)], death) == frozenset()
    assert excused([loss(990, 999, "the ingester of stream 'box' is gone")], death) == frozenset()
    assert excused([loss(990, 999)], []) == frozenset()


def test_each_death_costs_one_series_of_events_at_most() -> None:
    assert broken_series(frozenset({5, 6, 8, 9}), frozenset({7}), 1) is None
    problem = broken_series(frozenset({5, 6, 8, 9}), frozenset(), 1)
    assert problem == "1 deaths of an ingester have cost 2 series of events, which begin at [5, 8]"
    assert broken_series(frozenset({5, 6, 8, 9}), frozenset(), 2) is None
