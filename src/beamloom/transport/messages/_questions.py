"""Somebody asks what became of an event, how streams are, or what a process does with its time."""

from __future__ import annotations

from typing import Any

from beamloom.transport.messages._base import Message


class Explain(Message):
    """Controller → a process: somebody asks for the story of this event; say what you know of it."""

    run: str
    event: int
    question: int
    """To be said again in the answer."""


class Look(Message):
    """Controller → an ingester: somebody looks at its streams; say how each is at this moment."""

    question: int
    """To be said again in the answer."""
    run: str | None = None
    event: int | None = None
    """Say also when the packet of this event of the run came."""


class Explained(Message):
    """A process → controller: what it knows, in answer to ``Explain``, ``Look`` or ``Trace``."""

    question: int
    known: dict[str, Any]
    """Empty where it knows nothing."""


class Trace(Message):
    """Controller → a process: keep the last so many things that your loop does, or tell what was kept and keep no more."""

    question: int
    """To be said again in the answer."""
    spans: int
    """0: tell. Else there is no answer."""
