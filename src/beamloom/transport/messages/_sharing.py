"""Who reads frames in the memory of whom."""

from __future__ import annotations

from beamloom.transport.messages._base import Message


class Offer(Message):
    """Ingester → worker: where its memory for large frames is, and whether the worker can read it."""

    memory: str
    address: str
    """Where the answer goes."""


class Borrows(Message):
    """Worker → ingester: the answer."""

    memory: str
    problem: str | None = None
    """Why it cannot; None where it can."""
