"""What a mailbox takes of the messages of one sender, and what it answers."""

from __future__ import annotations

from beamloom.transport.links import (
    ANSWER,
    ANSWER_EVERY,
    MOST_LINKS,
    NUMBERED,
    NUMBERED_FIRST,
    QUESTION,
    QUESTION_FIRST,
    STAMP,
    Answer,
    Arrivals,
)


def take(arrivals: Arrivals, kind: int, number: int, round_: int = 0, link: int = 7, size: int = 100) -> bool:
    return arrivals.take(b"connection", STAMP.pack(kind, link, number, round_), size)


def said(arrivals: Arrivals) -> list[Answer]:
    answers = [Answer(*ANSWER.unpack(answer)) for _, answer in arrivals.answers]
    arrivals.answers.clear()
    return answers


def test_each_number_is_taken_once_and_in_order() -> None:
    arrivals = Arrivals()
    taken = [number for number in (1, 2, 2, 1, 4, 5, 3, 4, 3, 5) if take(arrivals, NUMBERED_FIRST, number)]
    assert taken == [1, 2, 3, 4, 5]


def test_a_gap_is_told_once_until_it_was_sent_again_or_somebody_asks() -> None:
    arrivals = Arrivals()
    for number in (1, 3, 4):
        take(arrivals, NUMBERED_FIRST, number)
    assert said(arrivals) == [Answer(7, 1, 0, 1)]
    take(arrivals, QUESTION, 4)
    assert said(arrivals) == [Answer(7, 1, 0, 1)]
    take(arrivals, NUMBERED, 2, 1)
    take(arrivals, NUMBERED, 4, 1)
    assert said(arrivals) == [Answer(7, 2, 1, 1)]


def test_the_last_message_is_missed_when_somebody_asks() -> None:
    arrivals = Arrivals()
    take(arrivals, QUESTION_FIRST, 1)
    assert said(arrivals) == [Answer(7, 0, 0, 1)]
    assert take(arrivals, NUMBERED, 1, 1)
    take(arrivals, QUESTION, 1, 1)
    assert said(arrivals) == [Answer(7, 1, 1, 0)]


def test_many_messages_or_large_ones_are_answered_unasked() -> None:
    arrivals = Arrivals()
    for number in range(1, ANSWER_EVERY + 1):
        assert said(arrivals) == []
        take(arrivals, NUMBERED, number)
    assert said(arrivals) == [Answer(7, ANSWER_EVERY, 0, 0)]
    take(arrivals, NUMBERED, ANSWER_EVERY + 1, size=1 << 24)
    assert said(arrivals) == [Answer(7, ANSWER_EVERY + 1, 0, 0)]


def test_a_new_mailbox_begins_with_what_comes_first_of_a_link_that_was_answered_before() -> None:
    arrivals = Arrivals()
    assert take(arrivals, NUMBERED, 100)
    assert take(arrivals, NUMBERED, 101)
    assert not take(arrivals, NUMBERED_FIRST, 100, link=8)
    assert said(arrivals) == [Answer(8, 0, 0, 1)]


def test_strangers_cannot_fill_the_memory_of_a_mailbox_and_who_asks_is_not_forgotten_for_them() -> None:
    arrivals = Arrivals()
    take(arrivals, NUMBERED_FIRST, 1, link=1)
    for stranger in range(2, 2 * MOST_LINKS):
        take(arrivals, NUMBERED_FIRST, 1, link=stranger)
        if stranger % 1000 == 0:
            take(arrivals, QUESTION_FIRST, 1, link=1)
    assert len(arrivals._links) == MOST_LINKS
    assert take(arrivals, NUMBERED_FIRST, 2, link=1)
