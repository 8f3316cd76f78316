"""Packets of the values that a process variable has one after the other, with their numbers."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import numpy as np

from beamloom.devices.fields import MalformedPacket
from beamloom.devices.pva.packets import TYP
from beamloom.devices.pva.structure import read_structure
from beamloom.devices.series.endless import EndlessSeries
from beamloom.events import Malformed, Packet
from beamloom.native import LARGE_FRAME


class NTNDArrayReader:
    """Makes packets of the values of a process variable, and numbers them."""

    def __init__(self, first_id: int | None = None, numbered: bool = True) -> None:
        self.series = EndlessSeries(TYP)
        self._first_id = first_id
        self._numbered = numbered
        self._last: tuple[int, float] | None = None
        self._newest: tuple[int, float] | None = None
        self._again = False

    def hold(self, value: Any) -> None:
        """``value`` is what the process variable held when it was found: an old image, and no data."""
        with contextlib.suppress(MalformedPacket):
            header, _ = read_structure(value)
            self._last = (header.unique_id, header.time_stamp)

    def take(self, value: Any, items: list[Packet | Malformed]) -> None:
        """Append the image, or what is wrong with it; before the first image the START packet, behind the last the END packet."""
        try:
            header, pixels = read_structure(value)
        except MalformedPacket as problem:
            frames = [repr(value).encode()[:4096]]
            if self.series.opened:
                self.series.add_malformed(str(problem), frames, items, counted=self._numbered)
            else:
                items.append(Malformed(str(problem), frames))
            return
        this = (header.unique_id, header.time_stamp)
        again, self._again = self._again and this == self._last, False
        self._last = this
        if again:
            return
        self.series.open(msgspec.to_builtins(header), items)
        frame = pixels.view(np.uint8).data if pixels.nbytes >= LARGE_FRAME else pixels.tobytes()
        frames = [msgspec.json.encode(header), frame]
        if not self._numbered:
            self.series.add(frames, None, items)
            return
        restarted = self._restarted(this)
        self.series.add(frames, header.unique_id, items, restarted=restarted, first_count=self._first_id)

    def connected_again(self) -> None:
        """The next value is what the process variable holds, which may have been read before."""
        self._again = True

    def _restarted(self, this: tuple[int, float]) -> bool | None:
        """Whether the counter was set back: the image is newer and its number is not. Without time stamps only the number can tell."""
        before = self._newest
        if before is None or this[1] > before[1]:
            self._newest = this
        if before is None or before[1] == this[1] == 0:
            return None
        return this[1] > before[1] and this[0] <= before[0]
