"""Processes come, go, and say that they live."""

from __future__ import annotations

from typing import Any

import msgspec

from beamloom.engine.accounts.faults import Death
from beamloom.transport.messages._base import Message
from beamloom.transport.messages._shadowing import ShadowFacts


class Part(msgspec.Struct, frozen=True, array_like=True):
    """What an ingester says of a stream that it does not receive alone."""

    ingesters: int
    """How many they are in all."""
    in_turn: bool
    """Whether the device deals its packets out to them."""


class Register(Message):
    """A process → controller: here I am."""

    name: str
    role: str
    """``ingester``, ``worker``, ``debugworker``, ``shadowworker`` or ``reducer``."""
    address: str
    """Where its mailbox is."""
    host: str
    pid: int
    version: str
    streams: dict[str, str] = {}
    """Of an ingester: its streams, each with the name of its device."""
    parts: dict[str, Part] = {}
    """Of an ingester: those of its streams of which other ingesters receive the rest."""
    tags: list[str] = []
    """Of a worker."""
    descriptions: list[dict[str, Any]] = []
    """The parameters that its user class describes."""
    http: str | None = None
    """Where it serves HTTP, if it does."""
    analysis: str = ""
    """Of a worker and of the reducer: its user class, as module:Class."""
    code: dict[str, str] = {}
    """Version of the user's code: commit_hash, branch_name, timestamp, repository_url."""
    edition: int = 0
    """Of a worker: the number of its version of the user's code; a newer one has a higher number."""
    digest: str = ""
    """Of the files that its user class was imported from."""
    fault: str | None = None
    """Why its user class cannot be used."""
    stateful: bool = False
    """Of a worker: whether its results depend on the events of the same constraint before."""
    folder: str = ""
    """The folder that its user class is imported from."""
    shadow: ShadowFacts | None = None
    """Of a shadow worker: what it wants."""


class Welcome(Message):
    """Controller → a process: you take part."""


class Leads(Message):
    """Controller → a process: I have taken the place of another controller, and am to be reached here."""

    address: str


class Unknown(Message):
    """Controller → a process: I do not know you (any more); forget what you hold and register."""

    peer: str
    """Whom it does not know: the process may have registered anew since."""
    replaced_by: str | None = None
    """Who has registered under the same name since, if that is why."""


class Heartbeat(Message):
    """A process → controller, several times a second: I live."""

    address: str
    figures: dict[str, float] = {}
    """Counters and gauges of the process, by name."""
    notes: dict[str, Any] = {}
    """What else it has to say of its state."""


class Drain(Message):
    """Controller → a worker: somebody wants you to leave, for this reason; finish the event that you are in, and begin no other."""

    reason: str


class Drains(Message):
    """A worker → controller: I begin no further event, and leave as soon as the reducer has what I made."""

    reason: str


class Leaving(Message):
    """A process → controller: I end, for this reason."""

    reason: str
    failed: bool = False
    """Whether it ends by an error that nobody has foreseen, maybe because of an event that it holds."""


class Pulse(Message):
    """Guard of a worker → controller, in its name: it lives, whether or not it comes to say so."""


class Gone(Message):
    """Guard of a worker → controller, in its name: it is gone."""

    reason: str
    killed: bool
    """Whether its process has ended; else it was stopped, and may wake up."""
    death: Death | None = None
    """Of a process that ended: how."""


class LogRecords(Message):
    """A process → controller: lines of its log."""

    records: list[dict[str, str]]
