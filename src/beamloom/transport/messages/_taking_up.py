"""A process has died or was not heard for a while, and others go on with what it had."""

from __future__ import annotations

from beamloom.engine.ranges import Range
from beamloom.transport.messages._base import Message


class Inquire(Message):
    """Controller → workers: the ingester of this stream is gone; say which of your deliveries lack its packet."""

    run: str
    stream: str


class Lacking(Message):
    """Worker → controller, in answer to ``Inquire``: deliveries that are leased to it and have no packet of the stream."""

    run: str
    stream: str
    lacking: dict[int, list[Range]]
    """Events by slot."""


class TakeStock(Message):
    """A new controller → a process: I go on where another one was; say how you stand in this run. None: forget any run that you have."""

    run: str | None


class Stands(Message):
    """A process → a new controller: how it stands. Failures and losses that it had told were told once more before this."""

    run: str
    held: dict[int, list[Range]] = {}
    """Of a worker: by slot, the events that it works on or has results of."""
    taken: dict[int, list[Range]] = {}
    """Of the reducer: by slot, the events whose deliveries it has taken."""
    reduced: list[Range] = []
    """Of the reducer: the events that are in its result."""


class Standing(Message):
    """Reducer → controller, when it has taken up a run: what its result is made of. Failures that it knows of were sent before."""

    run: str
    taken: dict[int, list[Range]]
    """By slot, the events whose deliveries it has taken."""
    split: list[Range]
    """The events that have several deliveries."""


class Resuming(Message):
    """Reducer → controller, several times a second while it takes up a run: how far it is."""

    run: str
    done: int
    """Bytes of its journal that it has gone through."""
    total: int
    """Bytes of its journal."""


class Reducer(Message):
    """Controller → workers: the run's reducer is this process now; send it again what was not acknowledged."""

    run: str
    peer: str
    address: str


class Held(Message):
    """Worker → controller, in answer to ``Reducer``: the deliveries that it works on, or whose results it still has."""

    run: str
    held: dict[int, list[Range]]
    """Events by slot."""
    reducer: str
    """The one that ``Reducer`` named: what is said of one that was replaced since says nothing of later leases."""


class Fence(Message):
    """Controller → reducer: take nothing more from this worker."""

    run: str
    worker: str


class Fenced(Message):
    """Reducer → controller: done; what was taken from it has been reported before."""

    run: str
    worker: str
