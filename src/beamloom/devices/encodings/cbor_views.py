"""CBOR (RFC 8949) whose byte strings stay where they are: for messages that are one large array and a few words about it.

Byte strings come out as views of the message, which is therefore neither copied nor to be changed. What is needed of every message in
passing is found without looking at the rest of it.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

import msgspec

from beamloom.devices.fields import MalformedPacket, owned


class Tag(msgspec.Struct, frozen=True):
    """A tagged item, not interpreted."""

    number: int
    content: Any

    def __reduce__(self) -> tuple[type[Tag], tuple[int, Any]]:
        return Tag, (self.number, owned(self.content))


def read_item(message: Any) -> Any:
    """The item that ``message`` is: numbers, text, None, views of bytes, lists, dictionaries and Tags. Raises MalformedPacket."""
    reader = _Reader(message)
    try:
        item = reader.item(0)
    except (IndexError, struct.error):
        raise MalformedPacket(reader.breaks_off()) from None
    if reader.place != len(reader.octets):
        raise MalformedPacket(f"the CBOR ends at byte {reader.place} of {len(reader.octets)}")
    return item


def read_entries(message: Any, wanted: Collection[str]) -> dict[str, Any]:
    """Those entries of the map ``message`` whose keys are ``wanted``; what follows the last of them is not looked at.

    Raises MalformedPacket.
    """
    reader = _Reader(message)
    found: dict[str, Any] = {}
    try:
        for _ in reader.entries():
            key = reader.item(1)
            if isinstance(key, str) and key in wanted:
                found[key] = reader.item(1)
                if len(found) == len(wanted):
                    break
            else:
                reader.skip(1)
    except (IndexError, struct.error):
        raise MalformedPacket(reader.breaks_off()) from None
    return found


_DEEPEST: Final = 32
"""Items within items; a message that goes deeper was made to do harm."""

_INDEFINITE: Final = -1
_BREAK: Final = 0xFF
_ARGUMENTS: Final = {
    24: struct.Struct(">B"),
    25: struct.Struct(">H"),
    26: struct.Struct(">I"),
    27: struct.Struct(">Q"),
}
_FLOATS: Final = {25: struct.Struct(">e"), 26: struct.Struct(">f"), 27: struct.Struct(">d")}
_CONSTANTS: Final = {20: False, 21: True, 22: None, 23: None}


class _Reader:
    """Reads a message from its beginning; ``place`` is the next byte."""

    def __init__(self, message: Any) -> None:
        self.octets = memoryview(message).cast("B").toreadonly()
        self.size = len(self.octets)
        self.place = 0

    def breaks_off(self) -> str:
        return f"the CBOR of {len(self.octets)} bytes breaks off"

    def entries(self) -> Iterator[None]:
        """Once for each entry of the map that the message is."""
        major, _, count = self._head()
        if major != 5:
            raise MalformedPacket("the message is no CBOR map")
        return self._times(count)

    def item(self, depth: int) -> Any:
        """The next item."""
        # Most items are short texts and numbers, and each is one turn of Python: what they need is written out here.
        octets, begin = self.octets, self.place
        initial = octets[begin]
        argument = initial & 31
        major = initial >> 5
        if argument < 24:
            self.place = place = begin + 1
        elif argument == 24:
            argument = octets[begin + 1]
            self.place = place = begin + 2
        else:
            argument = self._head()[2]
            place = self.place
        if major == 3:
            end = place + argument
            if argument < 0 or end > self.size:
                return self._text(argument)
            self.place = end
            try:
                return str(octets[place:end], "utf-8")
            except UnicodeDecodeError:
                raise MalformedPacket(f"the CBOR has a text at byte {place} that is not UTF-8") from None
        if major == 0:
            return argument
        if depth > _DEEPEST:
            raise MalformedPacket(f"the CBOR goes deeper than {_DEEPEST} items within items")
        match major:
            case 4:
                return [self.item(depth + 1) for _ in self._counted(argument)]
            case 6:
                return Tag(argument, self.item(depth + 1))
            case 5:
                return self._map(argument, depth + 1)
            case 2:
                return self._string(argument)
            case 1:
                return -1 - argument
        info = initial & 31
        if info in _FLOATS:
            return _FLOATS[info].unpack_from(self.octets, begin + 1)[0]
        if info not in _CONSTANTS:
            raise MalformedPacket(f"the CBOR has a simple value {info} at byte {begin}, which has no meaning")
        return _CONSTANTS[info]

    def skip(self, depth: int) -> None:
        """Pass the next item by."""
        major, _, argument = self._head()
        if depth > _DEEPEST:
            raise MalformedPacket(f"the CBOR goes deeper than {_DEEPEST} items within items")
        if major in (2, 3) and argument != _INDEFINITE:
            self._pass(argument)
        elif major in (2, 3, 4):
            for _ in self._times(argument):
                self.skip(depth + 1)
        elif major == 5:
            for _ in self._times(argument):
                self.skip(depth + 1)
                self.skip(depth + 1)
        elif major == 6:
            self.skip(depth + 1)

    def _head(self) -> tuple[int, int, int]:
        """Major type, additional information, and the argument."""
        initial = self.octets[self.place]
        self.place += 1
        major, info = initial >> 5, initial & 31
        if info < 24:
            return major, info, info
        if info in _ARGUMENTS:
            argument = _ARGUMENTS[info]
            (value,) = argument.unpack_from(self.octets, self.place)
            self.place += argument.size
            return major, info, value
        if info == 31 and 2 <= major <= 5:
            return major, info, _INDEFINITE
        raise MalformedPacket(
            f"the CBOR has the byte {initial:#04x} at {self.place - 1}, which begins no item"
        )

    def _counted(self, count: int) -> Iterable[object]:
        """As ``_times``, but quick where the count is known."""
        return range(count) if 0 <= count <= self.size - self.place else self._times(count)

    def _times(self, count: int) -> Iterator[None]:
        """Once for each of ``count`` items, or until the break."""
        if count == _INDEFINITE:
            while self.octets[self.place] != _BREAK:
                yield
            self.place += 1
            return
        if count > len(self.octets) - self.place:
            raise MalformedPacket(self.breaks_off())
        for _ in range(count):
            yield

    def _pass(self, count: int) -> int:
        """Go on by ``count`` bytes; returns where they begin."""
        begin = self.place
        if count > len(self.octets) - begin:
            raise MalformedPacket(self.breaks_off())
        self.place = begin + count
        return begin

    def _map(self, count: int, depth: int) -> dict[Any, Any]:
        found = {}
        for _ in self._counted(count):
            key = self.item(depth)
            if key.__class__ is not str and not isinstance(key, int):
                raise MalformedPacket("the CBOR has a map with a key that is neither text nor a number")
            found[key] = self.item(depth)
        return found

    def _string(self, count: int) -> memoryview:
        if count == _INDEFINITE:
            return memoryview(b"".join([self._part(2) for _ in self._times(count)]))
        begin = self._pass(count)
        return self.octets[begin : self.place]

    def _text(self, count: int) -> str:
        begin = self.place
        octets = (
            self._string(count)
            if count != _INDEFINITE
            else b"".join(self._part(3) for _ in self._times(count))
        )
        try:
            return str(octets, "utf-8")
        except UnicodeDecodeError:
            raise MalformedPacket(f"the CBOR has a text at byte {begin} that is not UTF-8") from None

    def _part(self, wanted: int) -> memoryview:
        """The next part of a string of indefinite length: a definite one of the same major type."""
        major, _, count = self._head()
        if major != wanted or count == _INDEFINITE:
            raise MalformedPacket(f"the CBOR has a string with parts that are none, at byte {self.place}")
        return self._string(count)
