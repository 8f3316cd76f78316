"""Takes apart what a PandABox sends over its data port: arms, each a header, rows and an END.

TCP loses nothing while a connection lasts, so the order of the rows is their number, whether or not each can be read. A connection that
breaks inside an arm and is there again before its end goes on in that arm: the box sends again what it remembers of the arm, which mostly
is all of it, and tells in a new header how many rows it does not. Rows that have come are passed over; those that nobody has show as a
gap. When another arm has begun by then, nobody knows how many rows the broken one still had; what follows could stand in the place of any
event, so it is kept as malformed and given to none.
"""

from __future__ import annotations

import re
from typing import Final

from beamloom.devices.fields import MalformedPacket
from beamloom.devices.pandabox.layout import Layout, read_layout
from beamloom.devices.tcp import LostTrack
from beamloom.events import Bearing, Malformed, Packet, PacketKind

TYP: Final = "PCAP_RAW"

END: Final = re.compile(rb"END (?P<samples>\d{1,18})(?: (?P<reason>[^\n]*))?\n?")

_HEADER_BEGINS: Final = re.compile(rb"(arm_time|start_time|missed|process|PCAP ARM time): ")

LONGEST_LINE: Final = 1 << 20
"""Bytes without an end of line after which the sender is none of ours."""

LARGEST_BLOCK: Final = 1 << 28
"""Bytes of a block of rows after which its length is taken for nonsense."""

_BLOCK_HEAD: Final = 8
"""``BIN `` and the length of the block, these 8 bytes included, in 4 bytes, little-endian."""


class _Arm:
    """One arm on its way; without a layout, one whose header could not be read."""

    def __init__(self, header: bytes, layout: Layout | None, *, packed: bool) -> None:
        self.header = header
        self.layout = layout
        self.packed = packed if layout is None else not layout.is_text
        self.rows = layout.missed if layout is not None else 0
        """The number of the last row."""
        self.given = 0
        """The number of the last row that came over a connection that broke."""
        told = None if layout is None else layout.arm_time
        self.arm_time = None if told is None else told.isoformat()
        """What tells this arm from others, where the header says it."""

    def continues(self, broken: _Arm) -> bool:
        """Whether this is the rest of an arm whose connection broke."""
        return self.arm_time is not None and self.arm_time == broken.arm_time


class PandaStream:
    """Makes packets of the bytes of one run, over as many connections as it takes.

    ``packed`` says in which form rows were asked for; a header that can be read says it better.
    """

    def __init__(self, *, packed: bool) -> None:
        self._asked_packed = packed
        self._bytes = bytearray()
        self._header = bytearray()
        self._arm: _Arm | None = None
        self._broken_arm: _Arm | None = None
        self._items = 0
        self._place_unknown = False

    @property
    def bearing(self) -> Bearing | None:
        """The items before this arm, and what tells it from others; between arms nobody could tell whether one was missed."""
        arm = self._arm or self._broken_arm
        if arm is None and not self._items:
            return None
        return {"items": self._items, "arm": None if arm is None else arm.arm_time}

    def resume(self, bearing: Bearing, *, one_series: bool) -> int:
        """Go on in an arm whose beginning came over another connection, if it is still that one."""
        self._items = bearing["items"]
        self._broken_arm = _Arm(b"", None, packed=self._asked_packed)
        self._broken_arm.arm_time = bearing["arm"]
        return self._items

    @property
    def greeting(self) -> bytes:
        """The options of this connection; none of them is needed for rows of text."""
        return b"FRAMED SCALED\n" if self._asked_packed else b"\n"

    def refusal(self, answer: bytes) -> str | None:
        """Why the answer to the options is not OK; None when it is."""
        if answer == b"OK":
            return None
        said = answer.decode(errors="replace")
        if said.startswith("ERR"):
            return f"does not take the options {self.greeting.decode().strip()!r}: {said}; try another format"
        return (
            f"answers {said[:80]!r} and not OK, so it is not the data port of a PandABox, which usually is 8889; "
            "check the port and which device this stream is said to be"
        )

    def feed(self, received: bytes, items: list[Packet | Malformed]) -> None:
        """Append what the bytes complete. Raises LostTrack."""
        pending = self._bytes
        pending += received
        at = 0
        try:
            while at < len(pending):
                arm = self._arm
                packed = arm is not None and arm.packed
                taken = self._take_packed(arm, at, items) if arm and packed else self._take_lines(at, items)
                if not taken:
                    if len(pending) - at > LONGEST_LINE and not packed:
                        raise LostTrack(f"{len(pending) - at} bytes came without an end of line")
                    break
                at += taken
        finally:
            del pending[:at]

    def connection_lost(self) -> None:
        """The connection has ended; what was not whole is gone with it."""
        self._bytes.clear()
        self._header.clear()
        if self._arm is not None:
            self._broken_arm, self._arm = self._arm, None

    # ---- lines ------------------------------------------------------------------------------------------------------------

    def _take_lines(self, at: int, items: list[Packet | Malformed]) -> int:
        """Take lines until rows are packed or no line is whole; returns how many bytes that were."""
        stop = self._bytes.rfind(b"\n", at) + 1
        taken = 0
        for line in bytes(self._bytes[at:stop]).split(b"\n")[:-1]:
            taken += len(line) + 1
            if self._arm is None:
                self._take_header_line(line + b"\n", items)
                # One that is not None now was begun by this line.
                if self._arm is not None and self._arm.packed:
                    break
            else:
                self._take_arm_line(self._arm, line + b"\n", items)
        return taken

    def _take_arm_line(self, arm: _Arm, line: bytes, items: list[Packet | Malformed]) -> None:
        if line[:1] == b" ":
            layout = arm.layout
            self._add_row(arm, line, layout is not None and len(line.split()) == len(layout.columns), items)
        elif found := END.fullmatch(line):
            self._end(arm, line, int(found["samples"]), items)
        elif _HEADER_BEGINS.match(line):
            # The END was there and could not be read: it was taken for the last row.
            self._arm = None
            self._items += arm.rows + 1
            self._take_header_line(line, items)
        else:
            self._add_row(arm, line, False, items)

    def _take_header_line(self, line: bytes, items: list[Packet | Malformed]) -> None:
        """Between arms."""
        if line == b"\n" and not self._header:
            return
        self._header += line
        if len(self._header) > LONGEST_LINE:
            raise LostTrack("a header came that does not end")
        if line == b"\n":
            self._begin(items)
        elif found := END.fullmatch(line):
            items.append(Malformed("an arm ended whose header could not be read", [bytes(self._header)]))
            self._header.clear()
            self._items += int(found["samples"]) + 2

    # ---- blocks -----------------------------------------------------------------------------------------------------------

    def _take_packed(self, arm: _Arm, at: int, items: list[Packet | Malformed]) -> int:
        """Take one block of rows, or the END; returns how many bytes that were, 0 when it is not whole yet."""
        pending = self._bytes
        if len(pending) - at < _BLOCK_HEAD:
            return 0
        mark = bytes(pending[at : at + 4])
        if mark == b"END ":
            stop = pending.find(b"\n", at, at + LONGEST_LINE) + 1
            found = END.fullmatch(bytes(pending[at:stop]))
            if found is not None:
                self._end(arm, found.group(), int(found["samples"]), items)
                return stop - at
            if not stop and len(pending) - at < LONGEST_LINE:
                return 0
            raise LostTrack("the END of the arm does not say how many rows there were")
        size = int.from_bytes(pending[at + 4 : at + _BLOCK_HEAD], "little")
        if mark != b"BIN " or not _BLOCK_HEAD <= size <= LARGEST_BLOCK:
            raise LostTrack(
                f"between rows came {mark!r} and a length of {size} bytes, not 'BIN ' and a length, nor 'END '"
            )
        if len(pending) - at < size:
            return 0
        if arm.layout is not None:
            self._take_block(
                arm, arm.layout.sample_bytes, bytes(pending[at + _BLOCK_HEAD : at + size]), items
            )
        return size

    def _take_block(self, arm: _Arm, sample: int, block: bytes, items: list[Packet | Malformed]) -> None:
        if len(block) % sample:
            raise LostTrack(
                f"a block of {len(block)} bytes came, which is no number of rows of {sample} bytes"
            )
        for begin in range(0, len(block), sample):
            self._add_row(arm, block[begin : begin + sample], True, items)

    # ---- packets ----------------------------------------------------------------------------------------------------------

    def _begin(self, items: list[Packet | Malformed]) -> None:
        """The header is whole."""
        header = bytes(self._header)
        self._header.clear()
        layout, problem = None, None
        try:
            layout = read_layout(header)
        except MalformedPacket as error:
            problem = str(error)
        arm = self._arm = _Arm(header, layout, packed=self._asked_packed)
        broken, self._broken_arm = self._broken_arm, None
        if broken is not None:
            if arm.continues(broken):
                arm.given = max(broken.rows, broken.given)
                return
            self._place_unknown = True
        if problem is not None:
            items.append(Malformed(problem, [header]))
        else:
            self._append(Packet(TYP, [header], self._items or None, PacketKind.START), items)

    def _add_row(self, arm: _Arm, row: bytes, readable: bool, items: list[Packet | Malformed]) -> None:
        arm.rows += 1
        if arm.rows <= arm.given:
            return
        if readable:
            self._append(Packet(TYP, [row, arm.header], arm.rows), items)
        else:
            items.append(
                Malformed("a line that is no row of as many values as the header names", [row, arm.header])
            )

    def _end(self, arm: _Arm, line: bytes, samples: int, items: list[Packet | Malformed]) -> None:
        # The box counts what it sent, perhaps with what was missed: no less than what came, and no more than came and is missing.
        place = max(arm.rows, samples) + 1
        self._arm = None
        self._items += place + 1
        if arm.layout is None:
            items.append(Malformed("the end of an arm whose header could not be read", [line]))
        else:
            self._append(Packet(TYP, [line], place, PacketKind.END), items)

    def _append(self, packet: Packet, items: list[Packet | Malformed]) -> None:
        if self._place_unknown:
            reason = (
                "the connection broke in an arm and another has begun since, so nobody knows for which event this came; "
                "begin the run anew"
            )
            items.append(Malformed(reason, packet.frames))
        else:
            items.append(packet)
