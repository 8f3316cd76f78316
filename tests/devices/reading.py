"""What readers make of messages, and what tests look at in it."""

from __future__ import annotations

import re
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


def assert_kept_with_a_reason(items: Items, bad: list[Any], reason: str) -> None:
    """One message, ``bad``, could not be read: it is kept as it came, takes nobody's place, and ``reason`` is found in the sentence."""
    (problem,) = [item for item in items if isinstance(item, Malformed)]
    assert problem.frames == bad
    assert not problem.takes_place
    assert re.search(reason, problem.reason)
