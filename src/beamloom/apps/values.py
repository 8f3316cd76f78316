"""Numbers in the packets of an event by their name: ``alba.channel1``, ``contrast.pseudo.x``, ``pcap.values.INENC1.VAL.Mean``.

The first part names the stream, the rest the way into the parsed packet: entries of dictionaries, attributes, and places in lists. Names
may hold dots themselves, as those of PandABoxes and Tango devices do: the longest name that is there is taken.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np

from beamloom import Event, UserError
from beamloom.apps.images import data_of

Array = np.ndarray[Any, np.dtype[Any]]
_MISSING: Final = object()
_SHOWN: Final = 12
"""Names that a sentence lists."""


class Packets:
    """The packets of one event, each parsed at most once."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self._parsed: dict[str, Any] = {}

    def parsed(self, stream: str) -> Any:
        """The packet of a stream; None where there is none, or it opens or closes its series."""
        if stream not in self._parsed:
            self._parsed[stream] = data_of(self.event.streams.get(stream))
        return self._parsed[stream]

    def numbers(self, name: str, parameter: str) -> Array | None:
        """What ``name`` is in this event: float64, of any shape; None where the event has no packet of the stream.

        Raises UserError, which names the ``parameter`` that gave the name.
        """
        stream, path = _split(name, tuple(self.event.streams))
        parsed = self.parsed(stream)
        if parsed is None:
            return None
        found = _look_up(parsed, path) if path else parsed
        if found is _MISSING:
            raise UserError(
                f"{parameter} is {name}, but the packets of the stream {stream} have no {path or 'value'}; they have "
                f"{', '.join(_names(parsed)[:_SHOWN])}"
            )
        try:
            return np.asarray(found, np.float64)
        except (TypeError, ValueError):
            raise UserError(
                f"{parameter} is {name}, which is {type(found).__name__} and no number; name a number"
            ) from None

    def number(self, name: str, parameter: str) -> float | None:
        """The same of what is one number, or an array of one."""
        found = self.numbers(name, parameter)
        if found is None:
            return None
        if found.size != 1:
            raise UserError(
                f"{parameter} is {name}, which has {found.size} numbers; name one of them, as {name}.0"
            )
        return float(found.reshape(-1)[0])


def number_of(event: Event, name: str, parameter: str) -> float | None:
    """One number of an event of which nothing else is asked; see ``Packets.number``."""
    return Packets(event).number(name, parameter)


@functools.lru_cache(maxsize=256)
def _split(name: str, streams: tuple[str, ...]) -> tuple[str, str]:
    """The stream that ``name`` begins with, and the rest; a stream that is not there is what comes before the first dot."""
    for stream in sorted(streams, key=len, reverse=True):
        if name == stream or name.startswith(f"{stream}."):
            return stream, name[len(stream) + 1 :]
    stream, _, path = name.partition(".")
    return stream, path


def _look_up(found: Any, path: str) -> Any:
    parts = path.split(".")
    for count in range(len(parts), 0, -1):
        entry = _entry(found, ".".join(parts[:count]))
        if entry is not _MISSING:
            rest = ".".join(parts[count:])
            deeper = _look_up(entry, rest) if rest else entry
            if deeper is not _MISSING:
                return deeper
    return _MISSING


def _entry(found: Any, name: str) -> Any:
    match _kind_of(type(found)):  # type: ignore[arg-type]  # mypy asks the class for the hash of its instances
        case "mapping":
            return found.get(name, _MISSING)
        case "sequence":
            place = int(name) if name.isdigit() else len(found)
            return found[place] if place < len(found) else _MISSING
        case _:
            if has_field(found, name):
                return getattr(found, name) if name.isidentifier() else dict(found)[name]
            return _MISSING


@functools.lru_cache(maxsize=256)
def _kind_of(cls: type) -> Literal["mapping", "sequence", "fields"]:
    """What is asked of every entry on the way to a number; asking a class takes longer than the way."""
    if issubclass(cls, Mapping):
        return "mapping"
    return (
        "sequence"
        if issubclass(cls, Sequence | np.ndarray) and not issubclass(cls, str | bytes)
        else "fields"
    )


def has_field(parsed: Any, name: str) -> bool:
    """Whether a parsed packet has this field, or property, without looking at what is in it."""
    try:
        inside = name in parsed
    except TypeError:
        inside = False
    return inside or name in _names_of_class(type(parsed))  # type: ignore[arg-type]  # the same


@functools.lru_cache(maxsize=256)
def _names_of_class(cls: type) -> frozenset[str]:
    """Its attributes, slots among them."""
    return frozenset(dir(cls))


def _names(parsed: Any) -> list[str]:
    try:
        return [str(name) for name, _ in (parsed.items() if isinstance(parsed, Mapping) else parsed)]
    except (TypeError, ValueError):
        return [name for name in dir(parsed) if not name.startswith("_")]
