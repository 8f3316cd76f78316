"""A client is taken for living only while its own connection is open, though the file numbers of connections are given anew at once."""

from __future__ import annotations

from beamloom.apps.crystallography.streaming.connections import DOUBT, Connections, Heard

A, B = b"\0aaaa", b"\0bbbb"


def test_a_client_is_gone_with_its_connection() -> None:
    connections = Connections()
    connections.opened(7)
    assert connections.heard(A, 7, 0.0) is Heard.HERE
    assert connections.closed(7) == [A]
    assert connections.heard(A, 7, 0.0) is Heard.GONE, "its last messages are read after its end"


def test_the_next_client_by_the_same_number_is_another() -> None:
    connections = Connections()
    connections.opened(7)
    assert connections.heard(A, 7, 0.0) is Heard.HERE
    assert connections.closed(7) == [A]
    connections.opened(7)
    assert connections.heard(A, 7, 0.0) is Heard.GONE
    assert connections.heard(B, 7, 0.0) is Heard.HERE
    assert connections.closed(7) == [B]


def test_whose_message_is_not_certain_is_believed_when_it_comes_again() -> None:
    connections = Connections()
    connections.opened(7)
    assert connections.closed(7) == []
    connections.opened(7)
    assert connections.heard(A, 7, 0.0) is Heard.UNSURE, "A may have been the first of the two"
    assert connections.heard(A, 7, DOUBT / 2) is Heard.UNSURE, "as its messages came together"
    assert connections.heard(A, 7, 2 * DOUBT) is Heard.HERE
    assert connections.closed(7) == [A]


def test_who_was_there_before_all_that_are_closed_is_gone() -> None:
    connections = Connections()
    for _ in range(2):
        connections.opened(7)
        connections.closed(7)
    connections.opened(7)
    assert connections.heard(A, 7, 0.0) is Heard.UNSURE
    connections.closed(7)
    assert connections.heard(A, 7, 1.0) is Heard.GONE
    connections.opened(7)
    assert connections.heard(A, 7, 1.0) is Heard.GONE


def test_who_was_taken_for_the_owner_of_a_connection_is_gone_when_another_proves_to_be() -> None:
    connections = Connections()
    connections.opened(7)
    assert connections.heard(A, 7, 0.0) is Heard.HERE
    assert connections.heard(B, 7, 0.0) is Heard.UNSURE, "one connection cannot be two clients'"
    assert connections.displaced() == []
    assert connections.heard(B, 7, 2 * DOUBT) is Heard.HERE
    assert connections.displaced() == [A]
    assert connections.displaced() == []
    assert connections.closed(7) == [B]
