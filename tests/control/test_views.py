"""What the API says of sets of events."""

from __future__ import annotations

from beamloom.control.views.runs import as_text, one_by_one
from beamloom.engine.accounts.coverage import as_pairs
from beamloom.engine.ranges import RangeSet


def test_ranges_are_written_as_people_write_them() -> None:
    assert as_text(RangeSet([(3, 4), (7, 13)])) == "3, 7-12"
    assert as_text(RangeSet()) == ""


def test_many_ranges_are_cut_short_and_the_rest_is_counted() -> None:
    assert as_text(RangeSet([(n, n + 1) for n in range(0, 20, 2)]), limit=3) == "0, 2, 4 and 7 more"


def test_pairs_have_both_ends_in_them() -> None:
    assert as_pairs(RangeSet([(3, 4), (7, 13)])) == [[3, 3], [7, 12]]


def test_no_more_events_are_listed_one_by_one_than_asked_for() -> None:
    assert one_by_one(RangeSet([(0, 2), (5, 1_000_000)]), limit=4) == [0, 1, 5, 6]
    assert one_by_one(RangeSet([(0, 2)]), limit=4) == [0, 1]
