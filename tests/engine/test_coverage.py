"""Coverage says what is in the result: whatever overtakes what, the reducer and the controller come to agree."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from beamloom.engine.accounts.coverage import NOTHING, Coverage, ranges_text
from beamloom.engine.accounts.ledger import Ledger, LedgerNews, Loss
from beamloom.engine.accounts.reducers_account import ResultAccount
from beamloom.engine.ranges import RangeSet
from beamloom.triggermap import overlapping, uniform
from engine.mill import Mill, numbered

GENERIC = frozenset({"generic"})


def ready(events: int = 4) -> Mill:
    """A mill of one worker that holds every packet, and has done nothing yet."""
    mill = Mill(uniform(["a"], events), {"w1": GENERIC})
    mill.quiet()
    mill.read("a", [numbered("a", item, events + 1) for item in range(events + 2)])
    mill.quiet()
    return mill


def test_an_event_given_up_while_the_report_of_its_result_is_under_way_is_reduced() -> None:
    mill = ready()
    mill.work("w1", 3)
    for _ in range(3):
        mill.deliver("w1", "reducer")
    mill.run.lost([Loss(2, 3, "the ingester died")])
    assert list(mill.run.ledger.lost) == [(2, 3)]
    assert 2 in mill.account.coverage.reduced
    mill.quiet()
    assert list(mill.run.ledger.lost) == []
    assert mill.run.ledger.losses == []
    assert mill.account.coverage.reduced == mill.run.ledger.reduced


def test_an_event_given_up_before_its_result_came_is_reduced_when_it_comes() -> None:
    mill = ready()
    mill.work("w1", 3)
    mill.run.lost([Loss(1, 4, "the ingester died")])
    mill.tell_coverage()
    mill.deliver("controller", "reducer")
    assert list(mill.account.coverage.lost) == [(1, 4)]
    mill.quiet()
    for coverage in (mill.account.coverage, Coverage.of("run", mill.run.ledger, over=False)):
        assert list(coverage.reduced) == [(0, 3)]
        assert list(coverage.lost) == [(3, 4)]
        assert coverage.losses == (Loss(3, 4, "the ingester died"),)


def test_an_event_of_which_only_a_part_was_taken_is_lost_and_said_to_be_partly_in() -> None:
    mill = Mill(overlapping(["a"], 6), {"w1": GENERIC, "w2": GENERIC})
    mill.quiet()
    mill.read("a", [numbered("a", item, 7) for item in range(8)])
    mill.quiet()
    mill.work("w1")
    mill.quiet()
    (event,) = list(mill.account.coverage.partly)[-1:]
    mill.run.lost([Loss(*event, "the ingester died")])
    mill.quiet()
    coverage = mill.account.coverage
    assert event[0] in coverage.lost
    assert event[0] in coverage.partly
    assert event[0] not in coverage.reduced
    assert coverage.reduced == mill.run.ledger.reduced


def test_what_fails_in_the_reduce_has_failed_before_the_controller_knows() -> None:
    account = ResultAccount("run", 5)
    account.failed(2, 3)
    assert list(account.coverage.failed) == [(2, 3)]
    assert list(account.coverage.pending) == [(0, 2), (3, 5)]


def test_of_an_event_that_failed_here_and_was_given_up_there_the_controllers_word_counts() -> None:
    account = ResultAccount("run", 5)
    account.failed(2, 3)
    account.learn(LedgerNews(5, losses=[Loss(2, 3, "gone")]), over=False)
    assert list(account.coverage.failed) == []
    assert list(account.coverage.lost) == [(2, 3)]


NEWS = st.lists(
    st.tuples(
        st.sampled_from(["reduce", "fail", "lose", "recover", "tell"]), st.integers(0, 29), st.integers(1, 9)
    ),
    max_size=30,
)


@given(NEWS)
def test_a_ledger_that_is_told_the_news_of_another_one_becomes_the_same(
    changes: list[tuple[str, int, int]],
) -> None:
    ledger, replica = Ledger(40), Ledger(40)
    for what, first, count in [*changes, ("tell", 0, 0)]:
        match what:
            case "tell":
                replica.learn(ledger.take_news())
                assert not ledger.take_news()
            case "lose":
                ledger.lose(first, first + count, f"cause {count}")
            case _:
                getattr(ledger, what)(first, first + count)
        losses = RangeSet((loss.first, loss.stop) for loss in ledger.losses)
        assert losses == ledger.lost
        counts = ledger.counts()
        assert counts.reduced + counts.failed + counts.lost == ledger.settled_count
    for name in ("reduced", "failed", "lost", "settled"):
        assert getattr(replica, name) == getattr(ledger, name)
    assert {(x.first, x.stop, x.cause) for x in replica.losses} == {
        (x.first, x.stop, x.cause) for x in ledger.losses
    }


SENTENCES = [
    (NOTHING, "There was no run yet."),
    (Coverage("r", 0), "Complete: the run has no events, and none is in the result."),
    (Coverage("r", 9, RangeSet([(0, 9)])), "Complete: all 9 events are in the result."),
    (
        Coverage("r", 9, RangeSet([(0, 8)])),
        "Not complete yet: 8 of 9 events are in the result, 1 is still to come.",
    ),
    (Coverage("r", None, RangeSet([(0, 8)])), "It has no end yet: 8 events are in the result."),
    (
        Coverage("r", 9, RangeSet([(0, 6)]), RangeSet([(6, 7)]), RangeSet([(7, 9)]), (Loss(7, 9, "a gap"),)),
        "Not complete: 6 of 9 events are in the result, 1 failed (6), 2 are lost (7-8: a gap).",
    ),
]


@pytest.mark.parametrize(("coverage", "sentence"), SENTENCES)
def test_a_sentence_says_whether_the_result_is_complete(coverage: Coverage, sentence: str) -> None:
    assert coverage.sentence == sentence
    assert coverage.to_json()["sentence"] == sentence
    assert coverage.complete == sentence.startswith("Complete")


def test_many_causes_are_counted_in_the_sentence() -> None:
    losses = tuple(Loss(n, n + 1, f"cause {n}") for n in range(6))
    coverage = Coverage("r", 6, lost=RangeSet([(0, 6)]), losses=losses)
    assert coverage.sentence.endswith("(0: cause 0; 1: cause 1; 2: cause 2; and 3 more causes).")


def test_ranges_are_written_compactly_and_cut_where_they_are_many() -> None:
    assert ranges_text(RangeSet([(0, 100), (101, 102), (103, 500)])) == "0-99,101,103-499"
    assert ranges_text(RangeSet((n, n + 1) for n in range(0, 10, 2)), 3) == "0,2,4 and 2 more"


def test_what_is_told_as_json_is_read_as_it_was() -> None:
    losses = (Loss(3, 4, "a gap"), Loss(9, 11, "the ingester died"))
    coverage = Coverage(
        "run",
        12,
        RangeSet([(0, 3), (5, 8)]),
        RangeSet([(4, 5)]),
        RangeSet([(3, 4), (9, 11)]),
        losses,
        RangeSet([(8, 9)]),
        True,
    )
    assert Coverage.from_json(coverage.to_json()) == coverage
    assert Coverage.from_json(NOTHING.to_json()) == NOTHING


@pytest.mark.parametrize("left_out", ["run", "total_events", "reduced", "failed", "lost", "partly", "over"])
def test_json_without_what_it_has_to_have_is_no_coverage(left_out: str) -> None:
    content = Coverage("run", 3, RangeSet([(0, 3)])).to_json()
    del content[left_out]
    with pytest.raises(KeyError):
        Coverage.from_json(content)
