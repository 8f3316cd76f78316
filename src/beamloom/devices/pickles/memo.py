"""Looks through a pickle, without building anything, for what a single wrong bit turns into a disaster.

A pickle may store a value under any number up to four thousand million, and Python's unpickler then makes room for twice as many: one bit
of ``R`` (call) makes it ``r`` (store under the next four bytes), which takes 20 GB and a minute. No pickle has more numbers than bytes.

Another makes the length of a value that is not there; for a bytearray the unpickler makes room of that length before it looks, and
writes to the error output when it gives that up. No value is longer than what is left of its pickle.
"""

from __future__ import annotations

import pickletools
from typing import Any, Final

from beamloom.devices.fields import MalformedPacket

_LINE, _TWO_LINES, _COUNT_1, _COUNT_4, _COUNT_8, _UNKNOWN = -1, -2, -3, -4, -5, 0
_PREFIXES: Final = {_COUNT_1: 1, _COUNT_4: 4, _COUNT_8: 8}
_PUT, _LONG_BINPUT, _STOP = ord("p"), ord("r"), ord(".")


def _sizes() -> tuple[int, ...]:
    """For each instruction how many bytes it takes, itself included, or how that is found."""
    special = {
        pickletools.UP_TO_NEWLINE: _LINE,
        pickletools.TAKEN_FROM_ARGUMENT1: _COUNT_1,
        pickletools.TAKEN_FROM_ARGUMENT4: _COUNT_4,
        pickletools.TAKEN_FROM_ARGUMENT4U: _COUNT_4,
        pickletools.TAKEN_FROM_ARGUMENT8U: _COUNT_8,
    }
    sizes = [_UNKNOWN] * 256
    for code in pickletools.opcodes:
        argument = 0 if code.arg is None else code.arg.n
        sizes[ord(code.code)] = 1 + argument if argument >= 0 else special[argument]
    sizes[ord("c")] = sizes[ord("i")] = _TWO_LINES
    return tuple(sizes)


_SIZES: Final = _sizes()


def check_memo(frame: Any) -> None:
    """Raises MalformedPacket for a pickle that stores something under a number beyond its own length, or has a value beyond its end."""
    octets = bytes(frame)
    at, stop, sizes = 0, len(octets), _SIZES
    while at < stop:
        code = octets[at]
        size = sizes[code]
        if size > 0:
            if code == _LONG_BINPUT:
                _check(int.from_bytes(octets[at + 1 : at + 5], "little"), stop)
            elif code == _STOP:
                return
            at += size
        elif size <= _COUNT_1:
            prefix = _PREFIXES[size]
            length = int.from_bytes(octets[at + 1 : at + 1 + prefix], "little")
            at += 1 + prefix + length
            if at > stop:
                raise MalformedPacket(
                    f"the pickle of {stop} bytes breaks off in a value of {length} bytes, or is damaged"
                )
        elif size == _UNKNOWN:
            # What the unpickler does not know either.
            return
        else:
            end = octets.find(b"\n", at)
            if code == _PUT and octets[at + 1 : end].isdigit():
                _check(int(octets[at + 1 : min(end, at + 20)] or b"0"), stop)
            if size == _TWO_LINES and end >= 0:
                end = octets.find(b"\n", end + 1)
            if end < 0:
                return
            at = end + 1


def _check(number: int, length: int) -> None:
    if number > length:
        raise MalformedPacket(
            f"the pickle of {length} bytes stores something under the number {number}, so it is damaged"
        )
