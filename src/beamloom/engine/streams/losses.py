"""Which events one stream has lost, and why: the sentences that people read when data are missing.

Policy: the cause names what was seen, not what is missing. A packet that could not be read explains the gap behind it; one that comes
after its event was lost explains that loss better than the gap did; a device that has begun anew is named in all that follows from it.

A share of a stream sees only some of its packets. It loses nothing by itself: it excuses what would be missing in all shares.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec

from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.streams.shares import Share
from beamloom.engine.streams.streamplan import ENDLESS, Stretch
from beamloom.engine.streams.theft import Theft
from beamloom.events import Malformed, PacketKind
from beamloom.triggermap import CellKind

MALFORMED_KEPT = 16
"""So many unreadable packets of a run are kept for inspection."""
GAPS_REMEMBERED = 1000
"""A packet that comes for one of the latest gaps is named as the cause of its loss."""


class StreamCounts(msgspec.Struct):
    """What became of the packets of one stream in one run."""

    packets: int = 0
    discarded: int = 0
    gaps: int = 0
    duplicates: int = 0
    reordered: int = 0
    late: int = 0
    surplus: int = 0
    malformed: int = 0
    dropped: int = 0
    restarts: int = 0


class StreamLosses:
    """What one stream, or one share of it, has lost in one run."""

    def __init__(self, stream: str, counts: StreamCounts, window: str, share: Share | None) -> None:
        """``window`` is how late a packet may come without being late, in words."""
        self.malformed: list[Malformed] = []
        """The first unreadable packets, for inspection."""
        self._stream = stream
        self._counts = counts
        self._window = window
        self._share = share
        self._theft = Theft()
        self._losses: list[Loss] = []
        self._gaps: deque[tuple[int, Loss]] = deque(maxlen=GAPS_REMEMBERED)
        self._excuses: list[Loss] = []
        self._excused_from = 0
        self._unplaced: str | None = None
        """Why packets could not be read whose places are not known."""
        self._begun_anew = ""
        """That the device has begun its series anew, and when; empty as long as it has not."""

    # ---- what is lost ---------------------------------------------------------------------------------------------------------

    def add(self, losses: Iterable[Loss]) -> None:
        """These are lost."""
        self._losses += losses

    def lose(self, stretch: Stretch, cause: str) -> None:
        """These are lost, as far as anybody wanted them."""
        if stretch.kind != CellKind.WANTED:
            return
        last = self._losses[-1] if self._losses else None
        if last is not None and (last.stop, last.cause, last.instead_of) == (stretch.first, cause, None):
            # Where streams differ in rate, what a series leaves out at its end are very many stretches.
            self._losses[-1] = Loss(last.first, stretch.stop, cause)
        else:
            self._losses.append(Loss(stretch.first, stretch.stop, cause))

    def lose_gap(self, first_item: int, stretch: Stretch, cause: str) -> None:
        """The packets from ``first_item`` on, those of ``stretch``, have been skipped."""
        if stretch.kind == CellKind.WANTED:
            self._gaps.append((first_item, Loss(stretch.first, stretch.stop, cause)))
        self._counts.gaps += stretch.stop - stretch.first
        self.lose(stretch, cause)

    def explain_late(self, item: int, cause: str) -> None:
        """The packet of a gap has come after all."""
        for first_item, loss in reversed(self._gaps):
            event = loss.first + item - first_item
            if loss.first <= event < loss.stop:
                self._losses.append(Loss(event, event + 1, cause, instead_of=loss.cause))
                return

    def take(self) -> list[Loss]:
        """The events that were lost since the last call, with their causes."""
        losses, self._losses = self._losses, []
        return losses

    # ---- what is unreadable ---------------------------------------------------------------------------------------------------

    def keep_malformed(self, arrival: Malformed) -> None:
        """A packet could not be read."""
        self._counts.malformed += 1
        if len(self.malformed) < MALFORMED_KEPT:
            self.malformed.append(arrival)

    def unplaced(self, reason: str) -> None:
        """It could not be read, and nobody knows where it belonged."""
        self._unplaced = self._unplaced or reason

    def excuse_malformed(self, arrival: Malformed, share: Share, next_event: int) -> None:
        """What was unreadable may have been another share's packet: only where all miss one, this is why."""
        if share.in_turn or share.index == 0:
            self.keep_malformed(arrival)
        if self._unplaced is None:
            self._unplaced = f"stream {self._stream!r} sent a malformed packet: {arrival.reason}"
            self._excuses.append(Loss(next_event, ENDLESS, self._unplaced))
            self._excused_from = next_event

    def placed(self, kind: PacketKind, next_event: int) -> None:
        """Packets, the last of them of this kind, have their places: the unreadable ones stood before them."""
        if self._unplaced is None:
            return
        if self._share is not None:
            self._excuses.append(Loss(self._excused_from, next_event, self._unplaced))
        if kind is not PacketKind.START:
            # A start says that a series begins, and not that what was unreadable before it belonged elsewhere.
            self._unplaced = None

    def take_excuses(self) -> list[Loss]:
        """Of a share: why events would be missing that no share has, as far as that is new."""
        excuses, self._excuses = self._excuses, []
        return excuses

    # ---- why ------------------------------------------------------------------------------------------------------------------

    def begun_anew(self, restarts: int, after: int, next_event: int) -> None:
        """The device has begun its series anew; where all packets come to all shares, the first of these tells it."""
        share = self._share
        self._begun_anew = f"stream {self._stream!r} began its series anew after {after} packets"
        if share is None or share.in_turn or share.index == 0:
            self._counts.restarts = restarts
            if share is not None:
                self._excuses.append(Loss(next_event, ENDLESS, self._begun_anew))

    def why_late(self, packets: int, *, catches_up: bool) -> str:
        """Why the packet of a gap came behind ``packets`` others that belong behind it."""
        if catches_up:
            return f"{self._begun_anew}; what it had skipped before it sent then, when the event was lost already"
        return (
            f"stream {self._stream!r} sent the packet out of order: it came {packets} packets late, "
            f"outside the window of {self._window}"
        )

    def why_skipped(self, next_item: int, item: int, kind: PacketKind) -> str:
        """Why a packet of this kind is that of ``item``, when that of ``next_item`` was to come; a share does not know."""
        if self._share is not None:
            return ""
        if self._unplaced is not None:
            return f"stream {self._stream!r} sent a malformed packet: {self._unplaced}"
        if kind is PacketKind.END:
            return self._also(f"ended early: its series was closed after {next_item} of {item} packets")
        taken = self._theft.gap(next_item, item)
        return self._also(f"skipped frame numbers: {taken or 'a gap in what the device sent'}")

    def _also(self, cause: str) -> str:
        """``cause``, and before it that the device has begun anew, where it has."""
        return f"{self._begun_anew}; it {cause}" if self._begun_anew else f"stream {self._stream!r} {cause}"
