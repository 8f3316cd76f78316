"""Series of devices that neither open nor close them: a train server, a camera's process variable.

A pipeline gives every stream a start and an end event. A device whose protocol has neither gets them here: a START packet that describes
what the first item looks like, and an END packet behind as many items as the run's trigger map has for the stream (``expect``); what
the device sends after that belongs to no run. Where nobody says how many there will be, because the map is open-ended, the series stays
open until the run is stopped.

Items are numbered by the device's own count, from wherever that stands when the run begins. Invariant: numbers grow with the count, and
a count that begins anew goes on behind the highest number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from beamloom.events import Malformed, Packet, PacketKind


class EndlessSeries:
    """Opens, numbers and closes the series of one run."""

    def __init__(self, typ: str) -> None:
        self.opened = False
        self.closed = False
        self.surplus = 0
        """Items that came after the series had been closed."""
        self._typ = typ
        self._last: int | None = None
        self._first_count: int | None = None
        self._offset = 0
        self._highest = 0

    def expect(self, items: int | None) -> None:
        """The run has ``items`` packets of this stream, the first and the last of them START and END; None: any number."""
        self._last = None if items is None else max(items - 2, 0)

    def open(self, description: Mapping[str, Any], items: list[Packet | Malformed]) -> None:
        """Append the START packet; does nothing when that has been done."""
        if not self.opened:
            self.opened = True
            items.append(Packet(self._typ, [_mark("start", description)], None, PacketKind.START))

    def add(
        self,
        frames: list[Any],
        count: int | None,
        items: list[Packet | Malformed],
        *,
        restarted: bool | None = None,
        first_count: int | None = None,
    ) -> None:
        """Append the item that the device itself counts as ``count`` (None: it does not), and the END packet when it is the last.

        ``restarted``: the device has begun to count anew; None where only the count can tell, which is then below the first.
        ``first_count``: what it calls the first item of a series; None for whatever comes first.
        """
        if self.closed:
            self.surplus += 1
            return
        number = self._place(count, restarted, first_count)
        if number < 1:
            reason = f"item {count} came late, behind the first of the run, which is item {self._first_count}"
            items.append(Malformed(reason, frames))
            return
        if self._last is None or number <= self._last:
            items.append(Packet(self._typ, frames, None if count is None else number))
        else:
            self.surplus += 1
        self._close_behind(number, items)

    def add_malformed(
        self, reason: str, frames: list[Any], items: list[Packet | Malformed], *, counted: bool
    ) -> None:
        """Append what could not be read; ``counted``: the items of this device have counts, which tell by themselves what is missing."""
        if self.closed:
            self.surplus += 1
            return
        items.append(Malformed(reason, frames, takes_place=not counted))
        if not counted:
            self._close_behind(self._place(None, None, None), items)

    def _place(self, count: int | None, restarted: bool | None, first_count: int | None) -> int:
        if count is None:
            self._highest += 1
            return self._highest
        if restarted is None:
            restarted = self._first_count is not None and count < self._first_count
        if self._first_count is None or restarted:
            self._first_count = count if first_count is None else min(first_count, count)
            self._offset = self._highest + 1 - self._first_count
        number = count + self._offset
        self._highest = max(self._highest, number)
        return number

    def _close_behind(self, number: int, items: list[Packet | Malformed]) -> None:
        if self._last is not None and number >= self._last:
            self.closed = True
            items.append(Packet(self._typ, [_mark("end", {})], None, PacketKind.END))


def _mark(kind: str, description: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode({"type": kind, **description})


def read_mark(frame: Any) -> tuple[str, dict[str, Any]] | None:
    """What a START or END packet of such a series says: its kind and its description; None for a frame that is no such packet."""
    if bytes(memoryview(frame)[:9]) not in (b'{"type":"', b'{"type": "'[:9]):
        return None
    try:
        fields = msgspec.json.decode(frame, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    kind = fields.pop("type")
    return (kind, fields) if kind in ("start", "end") else None
