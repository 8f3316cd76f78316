"""A client is taken for living only while its own connection is open, though the file numbers of connections are given anew at once."""

from __future__ import annotations

from beamloom.apps.crystallography.streaming.connections import Connections

A, B = b"\0aaaa", b"\0bbbb"


def test_a_client_is_gone_with_its_connection() -> None:
    connections = Connections()
    connections.opened(7)
    assert connections.heard(A, 7, 0.0)
    assert connections.closed(7) == [A]
    assert not connections.heard(A, 7, 0.0), "its last messages are read after its end"


def test_the_next_client_by_the_same_number_is_another() -> None:
    connections = Connections()
    connections.opened(7)
    assert connections.heard(A, 7, 0.0)
    assert connections.closed(7) == [A]
    connections.opened(7)
    assert not connections.heard(A, 7, 0.0)
    assert connections.heard(B, 7, 0.0)
    assert connections.closed(7) == [B]


def test_whose_message_is_not_certain_is_believed_when_it_comes_again() -> None:
    connections = Connections()
    connections.opened(7)
    assert connections.closed(7) == []
    connections.opened(7)
    assert not connections.heard(A, 7, 0.0), "A may have been the first of the two"
    assert not connections.heard(A, 7, 0.05), "as its messages came together"
    assert connections.heard(A, 7, 0.2)
    assert connections.closed(7) == [A]
