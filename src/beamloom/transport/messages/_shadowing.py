"""Copies of events for another analysis, which takes no part in the run."""

from __future__ import annotations

import msgspec

from beamloom.engine.sampling import Sample
from beamloom.transport.messages._base import Message
from beamloom.transport.messages._data import PacketBlock


class ShadowFacts(msgspec.Struct, frozen=True, array_like=True):
    """What a shadow worker says of itself besides its worker class."""

    sample: Sample
    """The events that it wants copies of."""
    reducer: str = ""
    """Its reducer class, as module:Class."""


class Mirror(Message):
    """Controller → a worker: from now on send copies of what you work on to this shadow worker; with an empty name to nobody."""

    peer: str = ""
    address: str = ""
    sample: Sample = Sample(0.0)


class Copied(Message):
    """Worker → shadow worker: a delivery as the map had it; the frames of its streams follow (see ``packing``)."""

    run: str
    number: int
    """Of this copy, counted from 1 for each shadow worker."""
    event: int
    epoch: int
    blocks: dict[str, PacketBlock]
    """By stream, in the order of their frames."""
    address: str
    """Where the worker's mailbox is."""
    lost: int = 0
    """So many copies of this run were not sent, as too many were under way."""


class CopyTaken(Message):
    """Shadow worker → worker: all copies up to this number are done with."""

    number: int


class LastCopy(Message):
    """Worker → shadow worker: there are no more of this run."""

    run: str
    lost: int
