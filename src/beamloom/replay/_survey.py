"""What is in the recordings of a replay, before anything is run."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from beamloom.engine.ranges import RangeSet
from beamloom.errors import UsageError
from beamloom.events import Packet, PacketKind, UnknownPacketType, in_memory
from beamloom.recordings.runs import RecordRun
from beamloom.replay._feeds import Feed

logger = logging.getLogger(__name__)


class NothingRecorded(UsageError):
    """Recordings without a packet."""


class Survey:
    """Which stream has packets for which events, and in which feeds they are."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        """Reads all feeds to their ends. Raises a UserError where there is nothing in them, or nothing that can be an event."""
        self.events: dict[str, RangeSet] = {}
        self.remarks: list[str] = []
        """Sentences on what was found wrong and can be lived with."""
        self._first_in: dict[str, dict[Feed, int]] = {}
        self._first: list[Packet] = []
        """The packets of event 0."""
        self._last: dict[str, tuple[int, RecordRun]] = {}
        for feed in feeds:
            self._look_through(feed)
        if not self.events:
            names = ", ".join(feed.name for feed in feeds)
            raise NothingRecorded(
                f"there is nothing to replay: {names} held no packets; name other recordings"
            )

    def _look_through(self, feed: Feed) -> None:
        for run in feed.runs():
            if run is None:
                return
            first, stop = run.first, run.first + run.count
            if first < 0:
                raise UsageError(
                    f"{feed.name} has an event {first}; events are counted from 0, renumber them"
                )
            for stream in run.streams:
                self.events.setdefault(stream, RangeSet()).add(first, stop)
                self._first_in.setdefault(stream, {}).setdefault(feed, first)
                if first == 0:
                    self._first.append(run.packet(stream, 0))
                if stream not in self._last or stop > self._last[stream][0] + 1:
                    self._last[stream] = (stop - 1, run)
        if feed.remark is not None:
            self.remarks.append(feed.remark)

    def feeds_of(self, stream: str) -> list[Feed]:
        """The feeds with packets of ``stream``, in the order of their first events."""
        first_in = self._first_in.get(stream, {})
        return sorted(first_in, key=lambda feed: first_in[feed])

    @property
    def total_events(self) -> int:
        """One more than the largest event number."""
        return 1 + max(event for event, _ in self._last.values())

    @property
    def begins_with_data(self) -> bool:
        """Whether event 0 certainly opens no series: the recording is of its middle, or of devices that do not announce one."""
        return {kind_of(packet) for packet in self._first} == {PacketKind.DATA}

    @property
    def ends_series(self) -> bool:
        """Whether the last event closes the series of its streams."""
        return PacketKind.END in self._last_kinds()

    @property
    def breaks_off(self) -> bool:
        """Whether the last event certainly does not close the series: the run was stopped, or a process died."""
        kinds = self._last_kinds()
        return PacketKind.END not in kinds and None not in kinds

    def _last_kinds(self) -> set[PacketKind | None]:
        last = self.total_events - 1
        return {
            kind_of(run.packet(stream, run.count - 1))
            for stream, (event, run) in self._last.items()
            if event == last
        }


def kind_of(packet: Packet) -> PacketKind | None:
    """What the parser of a recorded packet says that it is; None where it cannot be parsed. Frames that are still on the disk are read."""
    here = Packet(packet.typ, in_memory(packet.frames), packet.number, packet.kind)
    try:
        return PacketKind(getattr(here.parse(), "packet_kind", PacketKind.DATA))
    except UnknownPacketType:
        return None
    # The parser may be another package's, and raise anything for a packet that is not as it should be.
    except Exception as error:  # noqa: BLE001
        logger.debug("a packet of type %r cannot be parsed: %r", packet.typ, error)
        return None
