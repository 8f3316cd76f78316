"""The frames of packets that are alike, cut out of what holds them when somebody wants them.

Policy: who hands packets on needs their number and their sizes, not their bytes. So inside one process a stretch of a recording goes
from its file to the user's class in one step, or not at all where the class does not look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Protocol

from beamloom.events import Packet


class Cuttable(Protocol):
    """What holds packets of which all have the same number of frames."""

    def packets(self, begin: int, end: int) -> Iterable[Sequence[bytes]]:
        """The frames of each of the packets in the places [begin, end). Raises a UserError where they are not there any more."""


class LaterPackets(Sequence[Packet]):
    """Packets of which each is read when it is asked for, and not kept: large ones do not lie in memory together."""


class LaterFrames:
    """The frames of packets, one after the other, as in a list: it has a length, and whole packets can be sliced off.

    They are cut anew each time that somebody goes through them.
    """

    __slots__ = ("_each", "_pieces")

    def __init__(self, each: int, pieces: Sequence[tuple[Cuttable, int, int]]) -> None:
        """Packets of ``each`` frames, at least one: those in the places [begin, end) of each of the ``pieces``."""
        self._each = each
        self._pieces = pieces

    def __len__(self) -> int:
        return self._each * sum(end - begin for _, begin, end in self._pieces)

    def __getitem__(self, frames: slice) -> LaterFrames:
        first, stop, _ = frames.indices(len(self))
        first //= self._each
        stop //= self._each
        pieces, at = [], 0
        for held, begin, end in self._pieces:
            low, high = max(begin, begin + first - at), min(end, begin + stop - at)
            if low < high:
                pieces.append((held, low, high))
            at += end - begin
        return LaterFrames(self._each, pieces)

    def __iter__(self) -> Iterator[bytes]:
        return chain.from_iterable(self.packets())

    def packets(self) -> Iterator[Sequence[bytes]]:
        """The frames packet by packet. Raises a UserError where they are not there any more."""
        return chain.from_iterable(held.packets(begin, end) for held, begin, end in self._pieces)

    @staticmethod
    def join(several: Iterable[LaterFrames]) -> LaterFrames:
        """Those of all of these, whose packets have the same number of frames."""
        several = list(several)
        return LaterFrames(several[0]._each, [piece for frames in several for piece in frames._pieces])
