"""What the pickles of one sender have in common: the bytes that stay, and where in the value the numbers between them go.

To find the latter, each number in a pickle that was read before is replaced by a marked one, and the pickle is read once more: where a
mark comes out, the number goes; where none does, the number has done something else (it was a length, a part of a type), and its bytes
belong to those that stay. Marked numbers are equal to those they stand for, so the pickle does with them what it did before.

That tells the truth for all numbers and not only for these, as long as each is used once. So a number stays unmarked that the pickle
stores and fetches again, and a pickle that copies or drops what lies on its stack has no pattern; nor has one with a container that stands
in two places, or is none of list, tuple and dictionary. An array may stand in several: contrast sends positions twice in this way.
"""

from __future__ import annotations

import operator
import pickletools
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from beamloom.devices.fields import MalformedPacket
from beamloom.devices.pickles.unpickle import ArrayOutline, TypeOutline, unpickle_marked

NOT_ALIKE: Final = object()
"""What reading a pickle by the pattern of others gives."""

Decoder = Callable[[bytes], Any]
"""Makes a number or an array of its bytes."""

Maker = Callable[[list[Any]], Any]
"""Makes a part of the value of all its numbers and arrays."""

_WHOLE: Final = {"BININT1": 1, "BININT2": 2, "BININT": 4}
"""Instructions with whole numbers, and how many bytes these have."""
_BYTES: Final = {"SHORT_BINBYTES", "BINBYTES", "BINBYTES8"}
_TEXT: Final = "BINUNICODE"
_STORE: Final = {"PUT", "BINPUT", "LONG_BINPUT"}
_FETCH: Final = {"GET", "BINGET", "LONG_BINGET"}
_SHIFT: Final = {"DUP", "POP", "POP_MARK"}
_real_of: Final = struct.Struct(">d").unpack


class MarkedInt(int):
    """A whole number of a pickle."""

    place: int


class MarkedFloat(float):
    """A real number of a pickle."""

    place: int


class MarkedBytes(bytes):
    """Bytes of a pickle."""

    place: int


class MarkedBytearray(bytearray):
    """Bytes of a pickle that may be written to: those of an array in protocol 5."""

    place: int


class MarkedText(str):
    """A text of a pickle; the older protocols write bytes as text and then encode it."""

    __slots__ = ("place",)

    place: int

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """The bytes, marked as the text was."""
        encoded = MarkedBytes(super().encode(encoding, errors))
        encoded.place = self.place
        return encoded


class _Number(NamedTuple):
    """An instruction that puts a number into a pickle's value, perhaps."""

    begin: int
    """Where its bytes begin in the pickle, of texts those of the length before them."""
    end: int
    mark: Any
    size: int
    """In bytes, or of texts in characters."""


class Pattern:
    """The pattern of a pickle."""

    def __init__(
        self, octets: bytes, numbers: Sequence[_Number], decoders: Sequence[Decoder], make: Maker
    ) -> None:
        begins, ends = [0, *(one.end for one in numbers)], [*(one.begin for one in numbers), len(octets)]
        *before, self._after = (octets[begin:end] for begin, end in zip(begins, ends, strict=True))
        self._steps = [
            (stays, len(stays), one.size, isinstance(one.mark, MarkedText), decode)
            for stays, one, decode in zip(before, numbers, decoders, strict=True)
        ]
        self._make = make

    def read(self, octets: bytes) -> Any:
        """The value of a pickle, new each time; NOT_ALIKE where other bytes than those of numbers are others."""
        at = 0
        numbers: list[Any] = []
        for stays, length, size, is_text, decode in self._steps:
            if not octets.startswith(stays, at):
                return NOT_ALIKE
            at += length
            if is_text:
                begin = at + 4
                at = begin + int.from_bytes(octets[at:begin], "little")
                try:
                    number = octets[begin:at].decode().encode("latin1")
                except UnicodeError:
                    return NOT_ALIKE
            else:
                number = octets[at : at + size]
                at += size
            if len(number) != size:
                return NOT_ALIKE
            numbers.append(decode(number))
        return self._make(numbers) if octets[at:] == self._after else NOT_ALIKE


def pattern_of(octets: bytes) -> Pattern | None:
    """The pattern of a pickle that ``unpickle`` has read; None where it has none."""
    try:
        found = _numbers(octets)
        making, _ = _made(octets, found)
        kept = [found[place] for place in sorted(making.decoders)]
        making, make = _made(octets, kept)
        return Pattern(octets, kept, [making.decoders[place] for place in range(len(kept))], make)
    # Also what pickletools cannot read, which is stricter than the unpickler, and values in a thousand lists.
    except (MalformedPacket, _NoPattern, ValueError, RecursionError):
        return None


def _made(octets: bytes, numbers: Sequence[_Number]) -> tuple[_Making, Maker]:
    """How the value is made where these numbers are marked."""
    for place, number in enumerate(numbers):
        number.mark.place = place
    making = _Making()
    return making, making.maker(unpickle_marked(_with_marks(octets, numbers), [one.mark for one in numbers]))


class _Instruction(NamedTuple):
    """One instruction of a pickle."""

    name: str
    argument: Any
    begin: int
    end: int


def _instructions(octets: bytes) -> list[_Instruction]:
    """All of them; the last one ends where the pickle does. Raises ValueError."""
    found = [(code.name, argument, begin or 0) for code, argument, begin in pickletools.genops(octets)]
    ends = [*(begin for _, _, begin in found[1:]), len(octets)]
    return [_Instruction(*one, end) for one, end in zip(found, ends, strict=True)]


def _numbers(octets: bytes) -> list[_Number]:
    """All that may be numbers, each of them used once; none where the pickle copies or drops things."""
    instructions = _instructions(octets)
    fetched = {int(one.argument) for one in instructions if one.name in _FETCH}
    stored: set[int] = set()
    found: list[_Number] = []
    on_top = False
    for name, argument, begin, end in instructions:
        if name in _SHIFT:
            return []
        if name == "MEMOIZE" or name in _STORE:
            under = len(stored) if name == "MEMOIZE" else int(argument)
            stored.add(under)
            if under in fetched and on_top:
                found.pop()
                on_top = False
        elif name != "FRAME":
            mark = _mark_of(name, argument)
            on_top = mark is not None
            if on_top:
                size = _WHOLE.get(name, 8) if isinstance(mark, int | float) else len(mark)
                first = begin + 1 if name == _TEXT else end - size
                found.append(_Number(first, end, mark, size))
    return found


def _mark_of(name: str, argument: Any) -> Any:
    if name in _WHOLE:
        return MarkedInt(argument)
    if name == "BINFLOAT":
        return MarkedFloat(argument)
    if name in _BYTES:
        return MarkedBytes(argument)
    if name == "BYTEARRAY8":
        return MarkedBytearray(argument)
    return MarkedText(argument) if name == _TEXT else None


def _with_marks(octets: bytes, numbers: Sequence[_Number]) -> bytes:
    """The pickle with marks in the place of numbers, and without the frames that say how long its parts were."""
    marked: dict[int, bytes] = {}
    for number in numbers:
        marked[number.end] = b"J" + number.mark.place.to_bytes(4, "little") + b"Q"
    return b"".join(
        marked.get(end, octets[begin:end]) for name, _, begin, end in _instructions(octets) if name != "FRAME"
    )


class _NoPattern(Exception):
    """The value has something in it that is not made here."""


class _Making:
    """Finds out how a value is made of its numbers."""

    def __init__(self) -> None:
        self.decoders: dict[int, Decoder] = {}
        """What makes numbers and arrays of bytes, by the place of their marks."""
        self._containers: set[int] = set()
        """By id: they all live as long as the value."""

    def maker(self, value: Any) -> Maker:
        """What makes ``value`` of all that was decoded. Raises _NoPattern."""
        match value:
            case MarkedText():
                return _constant(str(value))
            case MarkedInt() | MarkedFloat() | MarkedBytes() | MarkedBytearray():
                return self._number(value, _decoder(value))
            case None | bool() | int() | float() | complex() | str() | bytes() | np.generic():
                return _constant(value)
            case TypeOutline():
                return _constant(value.build())
            case ArrayOutline(raw=MarkedBytes() | MarkedBytearray()):
                return self._number(value.raw, _array_decoder(value))
            case dict():
                self._enter(value)
                entries = [(_key(key), self.maker(entry)) for key, entry in value.items()]
                return lambda numbers: {key: make(numbers) for key, make in entries}
            case list():
                self._enter(value)
                makers = [self.maker(entry) for entry in value]
                return lambda numbers: [make(numbers) for make in makers]
            case tuple():
                self._enter(value)
                makers = [self.maker(entry) for entry in value]
                return lambda numbers: tuple([make(numbers) for make in makers])
        raise _NoPattern

    def _number(self, mark: Any, decode: Decoder) -> Maker:
        self.decoders[mark.place] = decode
        return operator.itemgetter(mark.place)

    def _enter(self, container: Any) -> None:
        if id(container) in self._containers:
            raise _NoPattern
        self._containers.add(id(container))


def _constant(value: Any) -> Maker:
    return lambda numbers: value


def _key(key: Any) -> Any:
    """A key as it stays."""
    if isinstance(key, MarkedText):
        return str(key)
    if type(key) in (str, int, float, bool, type(None)):
        return key
    raise _NoPattern


def _decoder(mark: MarkedInt | MarkedFloat | MarkedBytes | MarkedBytearray) -> Decoder:
    match mark:
        case MarkedInt():
            return lambda number: int.from_bytes(number, "little", signed=len(number) == 4)
        case MarkedFloat():
            return lambda number: _real_of(number)[0]
        case MarkedBytearray():
            return bytearray
        case _:
            return bytes


def _array_decoder(array: ArrayOutline) -> Decoder:
    shape, dtype, order = array.layout()
    shape = tuple(map(int, shape))
    if dtype.hasobject or not dtype.itemsize or not all(shape):
        raise _NoPattern
    return lambda number: np.ndarray(shape, dtype, bytearray(number), order=order)
