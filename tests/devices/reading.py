"""What readers make of messages, and what tests look at in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from beamloom.devices.zeromq import MessageReader
from beamloom.events import Malformed, Packet

Items = list[Packet | Malformed]


def taken(reader: MessageReader, messages: Iterable[Sequence[Any]]) -> Items:
    """All that the reader makes of the messages; packets hold those that are lists as they are."""
    items: Items = []
    for message in messages:
        reader.take(message if isinstance(message, list) else list(message), items)
    return items


def numbers(items: Iterable[Packet | Malformed]) -> list[int | None]:
    """Of the packets."""
    return [item.number for item in items if isinstance(item, Packet)]


def problems(items: Iterable[Packet | Malformed]) -> list[str]:
    """What is wrong with those that could not be read."""
    return [item.reason for item in items if isinstance(item, Malformed)]
