"""Which clients died with which connection.

ZeroMQ tells of a closed connection by its file number, and of a client by its identity; a message tells both. File numbers are given anew
at once, so the order counts: messages are read first, then what happened to connections, and what happened is taken into account before
the messages are. Without this a hit would stay with a dead client until somebody sends it something, and REQ clients must not be sent
anything that they did not ask for.
"""

from __future__ import annotations


class Connections:
    """The connection that each client was last heard on. No sockets: told what they say."""

    def __init__(self) -> None:
        self._number: dict[bytes, int] = {}
        self._clients: dict[int, set[bytes]] = {}
        self._shut: set[int] = set()

    def opened(self, number: int) -> None:
        """A connection was accepted."""
        self._shut.discard(number)

    def heard(self, client: bytes, number: int) -> bool:
        """A message of the client came by the connection of this file number. False: it is closed, and nobody waits for an answer."""
        if number in self._shut:
            return False
        before = self._number.get(client)
        if before == number:
            return True
        if before is not None:
            self._clients[before].discard(client)
        self._number[client] = number
        self._clients.setdefault(number, set()).add(client)
        return True

    def closed(self, number: int) -> list[bytes]:
        """The connection is closed: the clients that are gone with it."""
        self._shut.add(number)
        gone = sorted(self._clients.pop(number, ()))
        for client in gone:
            del self._number[client]
        return gone

    def forget(self, client: bytes) -> None:
        """The client cannot be reached any more."""
        number = self._number.pop(client, None)
        if number is not None:
            self._clients[number].discard(client)
