"""Which clients died with which connection.

ZeroMQ tells of a closed connection by its file number, and of a client by its identity; a message tells both. File numbers are given anew
at once, so the order counts: messages are read first, then what happened to connections, and what happened is taken into account before
the messages are. Without this a hit would stay with a dead client until somebody sends it something, and REQ clients must not be sent
anything that they did not ask for.

Where connections came and went by the same file number unheard, it is not certain whose a message is. It is not answered then: a client
that is there is woken a little later (see `sleepers`), and one that is not gets no hit.
"""

from __future__ import annotations

from collections import deque

_DOUBT = 0.1
"""Seconds: what is still read of a client that is gone is read before."""
_REMEMBERED = 10_000
"""Clients that are gone, whose last messages may still be read."""


class Connections:
    """The connection that each client was last heard on. No sockets: told what they say."""

    def __init__(self) -> None:
        self._number: dict[bytes, int] = {}
        self._client: dict[int, bytes] = {}
        self._opened: dict[int, int] = {}
        """How many connections have had this file number."""
        self._heard: dict[int, int] = {}
        """The last of them that was heard."""
        self._shut: set[int] = set()
        self._doubted: dict[bytes, tuple[tuple[int, int], float]] = {}
        self._gone: deque[bytes] = deque(maxlen=_REMEMBERED)

    def opened(self, number: int) -> None:
        """A connection was accepted."""
        self._shut.discard(number)
        self._opened[number] = self._opened.get(number, 0) + 1

    def heard(self, client: bytes, number: int, now: float) -> bool:
        """A message of the client came by the connection of this file number. False: nobody waits for an answer, or that is not certain."""
        if self._number.get(client) == number:
            return True
        if number in self._shut or client in self._gone:
            return False
        this = number, self._opened.get(number, 0)
        unheard = this[1] - self._heard.get(number, 0)
        if unheard > 1:
            which, since = self._doubted.setdefault(client, (this, now))
            if which != this or now < since + _DOUBT:
                return False
        self._doubted.pop(client, None)
        self.forget(client)
        self._number[client], self._client[number] = number, client
        self._heard[number] = this[1]
        return True

    def closed(self, number: int) -> list[bytes]:
        """The connection is closed: the client that is gone with it, if one was heard on it."""
        self._shut.add(number)
        client = self._client.pop(number, None)
        if client is None:
            return []
        del self._number[client]
        if client[:1] == b"\0":
            # Names that ZeroMQ gives are not given again.
            self._gone.append(client)
        return [client]

    def forget(self, client: bytes) -> None:
        """The client cannot be reached any more."""
        number = self._number.pop(client, None)
        if number is not None:
            del self._client[number]
