"""How far the streams of a run have come, and what will not come any more.

Policy: a stream whose ingester is gone has no packet for any event that it had not completed; what had come before is given a last
chance to be settled by those who hold the packets. A stream that stays silent after another one has ended is not waited for without
end, unless it is silent because its ingester may not read on.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from beamloom.engine.layout import WantedEvents, closed_layout
from beamloom.engine.ledger import Loss
from beamloom.engine.streamplan import StreamLayout


class StreamProgress(msgspec.Struct):
    """How far one stream has come."""

    complete_until: int = 0
    seen_until: int = 0
    ended: bool = False
    stopped: bool = False
    blocked: bool = False
    """Whether its ingester keeps as much as it may: it does not read, so silence says nothing of the device."""
    gone: str | None = None
    """Why nothing more will come, when its ingester has died."""
    written_off: bool = False
    """Whether those of its events that had come before it was gone are not waited for any more."""
    changed_at: float = 0.0


class Standing:
    """The streams of one run."""

    def __init__(
        self,
        layouts: dict[str, StreamLayout],
        now: float,
        *,
        straggler_timeout: float,
        orphan_grace: float,
    ) -> None:
        """``straggler_timeout`` and ``orphan_grace`` are seconds, as in RunSettings."""
        self.layouts = layouts
        """What the trigger map says of each stream."""
        self._streams = {stream: StreamProgress(changed_at=now) for stream in layouts}
        self._straggler_timeout = straggler_timeout
        self._orphan_grace = orphan_grace
        self._given_up: dict[str, tuple[WantedEvents, str]] = {}
        self._losses: list[Loss] = []

    # ---- what is reported ---------------------------------------------------------------------------------------------------

    def report(
        self, stream: str, complete_until: int, seen_until: int, now: float, *, ended: bool, blocked: bool
    ) -> None:
        """How far a stream has come; what was said once is never taken back."""
        state = self._streams[stream]
        before = (state.complete_until, state.seen_until, state.ended, state.blocked)
        state.complete_until = max(state.complete_until, complete_until)
        state.seen_until = max(state.seen_until, seen_until)
        state.ended = state.ended or ended
        state.blocked = blocked
        if before != (state.complete_until, state.seen_until, state.ended, state.blocked):
            state.changed_at = now

    def stop(self, stream: str) -> None:
        """The source of a stream has been stopped."""
        self._streams[stream].stopped = True

    def lose(self, stream: str, cause: str, now: float) -> bool:
        """The ingester of a stream has died with all that it kept; whether that is news."""
        state = self._streams.get(stream)
        if state is None or state.gone is not None:
            return False
        state.gone, state.changed_at = cause, now
        return True

    def close(self, event: int) -> None:
        """The open-ended run ends before ``event``."""
        self._given_up.clear()
        for stream, layout in self.layouts.items():
            self.layouts[stream] = closed_layout(layout, event)

    # ---- how far they have come ---------------------------------------------------------------------------------------------

    def __getitem__(self, stream: str) -> StreamProgress:
        return self._streams[stream]

    @property
    def seen_until(self) -> int:
        """One past the last event of which any stream has seen a packet or a loss."""
        return max((state.seen_until for state in self._streams.values()), default=0)

    @property
    def complete_until(self) -> int:
        """Of every event before this one, each stream has its packet or knows that it is lost."""
        return min((state.complete_until for state in self._streams.values()), default=0)

    @property
    def all_ended(self) -> bool:
        """Whether nothing more will come because each device has closed its series, or its ingester is gone."""
        return all(state.ended or state.gone for state in self._streams.values())

    @property
    def all_stopped(self) -> bool:
        """Whether nothing more will come because each source was stopped, or its ingester is gone."""
        return all(state.stopped or state.gone for state in self._streams.values())

    @property
    def blocked(self) -> bool:
        """Whether any ingester may not read on before events are settled."""
        return any(state.blocked for state in self._streams.values())

    @property
    def gone(self) -> list[str]:
        """The streams whose ingesters have died."""
        return [stream for stream, state in self._streams.items() if state.gone is not None]

    # ---- what will not come any more ----------------------------------------------------------------------------------------

    def silent(self, now: float, total: int | None) -> list[str]:
        """The streams that have been silent for too long after another one had ended; ``total`` events, if that is known."""
        ended = [state for state in self._streams.values() if _has_ended(state, total)]
        last = max((state.changed_at for state in ended), default=None)
        if last is None:
            return []
        return [
            stream
            for stream, state in self._streams.items()
            if state.gone is None
            and not state.blocked
            and not _has_ended(state, total)
            and now - max(last, state.changed_at) > self._straggler_timeout
        ]

    def end(self, stream: str) -> None:
        """A silent stream of an open-ended run counts as ended."""
        self._streams[stream].ended = True

    def overdue(self, now: float, total: int | None) -> list[Loss]:
        """The events, not told before, that are lost because packets of a stream will not come."""
        until = self.seen_until if total is None else total
        for stream in self.gone:
            self._give_up(stream, self._streams[stream].gone or "")
        if total is not None:
            silent_for = f"{self._straggler_timeout:g} s"
            for stream in self.silent(now, total):
                self._give_up(
                    stream,
                    f"stream {stream!r} fell silent: no packet for {silent_for} after another stream had ended",
                )
        return [
            Loss(first, stop, cause)
            for wanted, cause in self._given_up.values()
            for first, stop in wanted.before(until)
        ]

    def _give_up(self, stream: str, cause: str) -> None:
        """No packet of the stream will come behind what it had completed."""
        if stream not in self._given_up:
            wanted = WantedEvents(self.layouts[stream], self._streams[stream].complete_until)
            self._given_up[stream] = (wanted, cause)

    def written_off(self, now: float) -> Iterable[tuple[str, list[Loss]]]:
        """The streams whose ingesters have been gone for so long that what had come before is not waited for any more, each once.

        With each the events that are lost by that, unless they are settled.
        """
        for stream in self.gone:
            state = self._streams[stream]
            if not state.written_off and now - state.changed_at > self._orphan_grace:
                state.written_off = True
                wanted = WantedEvents(self.layouts[stream]).before(state.complete_until)
                yield stream, [Loss(first, stop, state.gone or "") for first, stop in wanted]


def _has_ended(state: StreamProgress, total: int | None) -> bool:
    return state.ended if total is None else state.complete_until >= total
