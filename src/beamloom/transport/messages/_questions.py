"""Somebody asks what became of an event."""

from __future__ import annotations

from typing import Any

from beamloom.transport.messages._base import Message


class Explain(Message):
    """Controller → a process: somebody asks for the story of this event; say what you know of it."""

    run: str
    event: int
    question: int
    """To be said again in the answer."""


class Explained(Message):
    """A process → controller: what it knows of the event, in answer to ``Explain``."""

    question: int
    known: dict[str, Any]
    """Empty where it knows nothing."""
