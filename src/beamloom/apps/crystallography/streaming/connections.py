"""Which clients died with which connection.

ZeroMQ tells of a closed connection by its file number, and of a client by its identity; a message tells both. File numbers are given anew
at once, so the order counts: messages are read first, then what happened to connections, and what happened is taken into account before
the messages are. Without this a hit would stay with a dead client until somebody sends it something, and REQ clients must not be sent
anything that they did not ask for.

Where connections came and went by the same file number unheard, it is not certain whose a message is. It gets no hit then, but is told a
little later that there is nothing yet. Who asks again after that is there, and by the connection that is open: of one that is gone,
nothing comes so late. Whoever was taken for the owner of that connection before is gone.
"""

from __future__ import annotations

import enum
from collections import deque

DOUBT = 0.1
"""Seconds: what is still read of a client that is gone is read before."""
_REMEMBERED = 10_000
"""Clients that are gone, whose last messages may still be read."""


class Heard(enum.Enum):
    """Who has sent a message."""

    HERE = "here"
    """A client that is there, by the connection that is known as its own."""
    GONE = "gone"
    """A client that is not there any more."""
    UNSURE = "unsure"
    """One or the other."""


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
        self._displaced: list[bytes] = []

    def opened(self, number: int) -> None:
        """A connection was accepted."""
        self._shut.discard(number)
        self._opened[number] = self._opened.get(number, 0) + 1

    def heard(self, client: bytes, number: int, now: float) -> Heard:
        """A message of the client came by the connection of this file number."""
        if self._number.get(client) == number:
            return Heard.HERE
        this = number, self._opened.get(number, 0)
        if number in self._shut or client in self._gone:
            return Heard.GONE
        if this[1] - self._heard.get(number, 0) != 1:
            which, since = self._doubted.setdefault(client, (this, now))
            if which[0] == number and which != this:
                # All that there were when it was first heard are closed.
                self._end(client)
                return Heard.GONE
            if which != this:
                self._doubted[client] = this, now
            if which != this or now < since + DOUBT:
                return Heard.UNSURE
        self.forget(client)
        other = self._client.get(number)
        if other is not None:
            self._displaced.append(other)
            self.forget(other)
        self._number[client], self._client[number] = number, client
        self._heard[number] = this[1]
        return Heard.HERE

    def displaced(self) -> list[bytes]:
        """Clients that are gone, as the connection that was taken for theirs is another's; each is named once."""
        found, self._displaced = self._displaced, []
        return found

    def closed(self, number: int) -> list[bytes]:
        """The connection is closed: the client that is gone with it, if one was heard on it."""
        self._shut.add(number)
        client = self._client.pop(number, None)
        if client is None:
            return []
        del self._number[client]
        self._end(client)
        return [client]

    def forget(self, client: bytes) -> None:
        """The client cannot be reached any more."""
        self._doubted.pop(client, None)
        number = self._number.pop(client, None)
        if number is not None:
            del self._client[number]

    def _end(self, client: bytes) -> None:
        self._doubted.pop(client, None)
        if client[:1] == b"\0":
            # Names that ZeroMQ gives are not given again.
            self._gone.append(client)
