"""How far the streams of a run have come, and what will not come any more.

Policy: a stream that stays silent after another one has ended is not waited for without end, unless it is silent because its ingester
may not read on, or because it has none (see ``absence``). One that another ingester has taken up, and of which nothing has come since, may
have lost its last packets with the former one, or its device pauses. Another stream that has come further tells which, and that one pauses,
too, where none has; where no other stream could tell, only its usual pauses can.
"""

from __future__ import annotations

import msgspec

from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.streams.layout import WantedEvents, closed_layout
from beamloom.engine.streams.streamplan import StreamLayout
from beamloom.events import Bearing

USUAL_PAUSES = 3.0
"""A stream is not given up that was silent for less than so many times the longest pause it has made."""
FURTHER = 1
"""By more events than this another stream has to be further to tell that a run has gone on: devices send at different moments."""


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
    vacant: bool = False
    """Whether another ingester is waited for."""
    taken_up_at: float | None = None
    """When another ingester took it up, as long as nothing has come to that."""
    longest_pause: float = 0.0
    """The longest time between two changes, in seconds."""
    bearing: Bearing | None = None
    """What another ingester needs to go on with it."""
    changed_at: float = 0.0
    passed_at: float | None = None
    """When another stream was seen to be further, since it was taken up."""


class Standing:
    """The streams of one run."""

    def __init__(
        self,
        layouts: dict[str, StreamLayout],
        now: float,
        *,
        straggler_timeout: float,
    ) -> None:
        """``straggler_timeout`` is in seconds, as in RunSettings."""
        self.layouts = layouts
        """What the trigger map says of each stream."""
        self._streams = {stream: StreamProgress(changed_at=now) for stream in layouts}
        self._straggler_timeout = straggler_timeout
        self._made_until = 0
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
            state.longest_pause = max(state.longest_pause, now - state.changed_at)
            state.changed_at = now
        if seen_until > 0:
            state.taken_up_at = None

    def made(self, stop: int) -> None:
        """Something was made of the event before this one: its packets have come, whether or not an ingester has told of them."""
        self._made_until = max(self._made_until, stop)

    def stop(self, stream: str) -> None:
        """The source of a stream has been stopped."""
        self._streams[stream].stopped = True

    def vacate(self, stream: str) -> None:
        """The ingester of a stream has died; another one is waited for."""
        state = self._streams[stream]
        state.vacant, state.blocked, state.stopped, state.taken_up_at = True, False, False, None

    def take_up(self, stream: str, now: float) -> None:
        """Another ingester goes on with a stream."""
        state = self._streams[stream]
        state.vacant, state.changed_at, state.taken_up_at, state.passed_at = False, now, now, None

    def lose(self, stream: str, cause: str, now: float) -> None:
        """Nothing more will come of a stream."""
        state = self._streams[stream]
        state.gone, state.changed_at, state.vacant = cause, now, False

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
        """One past the last event of which any stream has seen a packet or a loss, as far as that is known."""
        return max((self._made_until, *(state.seen_until for state in self._streams.values())))

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
    def left(self) -> list[str]:
        """The streams of which something may come."""
        return [stream for stream, state in self._streams.items() if state.gone is None]

    def never_resumed(self, now: float, patience: float, total: int | None) -> list[str]:
        """The streams of which nothing has come since another ingester took them up, though the run has gone on, or may have.

        That is so for longer than ``patience`` and than is usual. What is asked is noted: from when on another stream was further.
        """
        resumed_not = []
        for stream, state in self._streams.items():
            if state.taken_up_at is None or state.gone is not None or state.ended or _has_ended(state, total):
                continue
            if state.passed_at is None and self._is_passed(state, total):
                state.passed_at = now
            since = state.passed_at
            if since is None and state.seen_until > 0 and not self._has_witness(state):
                since = state.taken_up_at
            if since is not None and now - since > max(patience, USUAL_PAUSES * state.longest_pause):
                resumed_not.append(stream)
        return resumed_not

    def _is_passed(self, silent: StreamProgress, total: int | None) -> bool:
        """Whether another stream has come further than devices do that send at different moments."""
        return any(
            _has_ended(other, total)
            # Who may not read on comes no further, however far its device is.
            or other.complete_until > silent.complete_until + (0 if other.blocked else FURTHER)
            for other in self._streams.values()
            if other is not silent
        )

    def _has_witness(self, silent: StreamProgress) -> bool:
        """Whether there is another stream that would come further if the run went on."""
        return any(
            other.gone is None and not other.vacant and other.taken_up_at is None
            for other in self._streams.values()
            if other is not silent
        )

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
            and not state.vacant
            and state.taken_up_at is None
            and not state.blocked
            and not _has_ended(state, total)
            and now - max(last, state.changed_at) > self._straggler_timeout
        ]

    def end(self, stream: str) -> None:
        """A silent stream of an open-ended run counts as ended."""
        self._streams[stream].ended = True

    def overdue(self, now: float, total: int | None) -> list[Loss]:
        """The events, not told before, that are lost because a stream is silent."""
        until = self.seen_until if total is None else total
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


def _has_ended(state: StreamProgress, total: int | None) -> bool:
    return state.ended if total is None else state.complete_until >= total
