"""One stream that several ingesters receive, seen as one.

Each share knows only what came to itself. Here it is put together what the run may be told of the whole stream: up to where every packet
has come or is known to be lost, and which are lost why.

Invariant: an event is lost for this stream only when every share that lives has gone past it and none has received it, or when nothing
more will come: the end of the series is known, or a share is gone, and all are silent. A packet that comes to two shares is taken once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.streams.combs import Comb
from beamloom.engine.streams.layout import WantedEvents
from beamloom.engine.streams.streamplan import LayoutRun, StreamLayout, Walk
from beamloom.engine.streams.theft import Theft
from beamloom.triggermap import CellKind


class Share(msgspec.Struct, frozen=True, array_like=True):
    """Which part of a stream one ingester has."""

    index: int
    count: int
    """How many shares there are."""
    in_turn: bool
    """Whether the device deals its packets out, so that what comes is ours; otherwise all come, and ours is every ``count``-th."""

    def keeps(self, item: int) -> bool:
        """Whether a packet that has come is this share's."""
        return self.in_turn or item % self.count == self.index


class ShareSettings(msgspec.Struct, frozen=True):
    """The times that govern a stream with several shares, in seconds."""

    end_grace: float = 1.0
    """How long the shares must have been silent after one of them has seen the end of the series."""
    orphan_grace: float = 1.0
    """How long events may still be settled after the ingester that had their packets has died."""
    silence: float = 10.0
    """How long the shares must have been silent after one has died, which may have taken the end of the series with it."""


class ShareReport(msgspec.Struct):
    """How far one share has come, and what has come to it since its last report."""

    passed: int
    """Of the events before this one nothing more will come to this share."""
    seen_until: int
    received: list[Comb] = []
    losses: list[Loss] = []
    """Received, and given up."""
    excuses: list[Loss] = []
    """If these events should be missing, this is why."""
    ended: bool = False
    stopped: bool = False
    blocked: bool = False
    origin: int | None = None
    """What tells the series whose beginning this share has seen from others."""
    again: bool = False
    """Whether what was reported before is in this once more."""


class _ShareState:
    """What is known of one share."""

    def __init__(self) -> None:
        self.report = ShareReport(0, 0)
        self.held = RangeSet()
        """Events whose packets it alone may have, as far as they are not settled."""
        self.had_start = False
        self.excuses: list[Loss] = []
        self.gone: str | None = None
        self.gone_at = 0.0
        self.written_off = False
        self.blamed_until = 0
        """Once it is written off: what is missing behind this event was not on its way to it."""


class Shares:
    """The shares of one stream in one run."""

    def __init__(
        self,
        stream: str,
        layout: StreamLayout,
        shares: Iterable[str],
        settings: ShareSettings,
        now: float,
        *,
        in_turn: bool = True,
    ) -> None:
        """``shares`` are the names of the ingesters' processes; ``in_turn`` as of a ``Share``."""
        self.stream = stream
        self.complete_until = 0
        """Of every event before this one, the packet has come to some share or is known to be lost."""
        self.gaps = 0
        self.duplicates = 0
        """Packets that came to a second share, too."""
        self.late = 0
        """Packets that came after they had been given up."""
        self.origin: int | None = None
        """The series of the run: it is the first whose beginning a share has reported."""
        self.start_gone = False
        """Whether no share has the packet of the start event any more."""
        self._shares = {name: _ShareState() for name in shares}
        self._settings = settings
        self._received = RangeSet()
        self._lost = RangeSet()
        self._losses: list[Loss] = []
        self._theft = Theft()
        self._changed_at = now
        self._over = False
        self._closed_early = False
        self._in_turn = in_turn
        self._follow(layout)

    def _follow(self, layout: StreamLayout) -> None:
        self._layout = layout
        open_ended = any(times is None for _, times in layout.sequence)
        lengths = [sum(run.count for run in part) for part in layout.parts]
        self._total = None if open_ended else sum(lengths[part] * (n or 0) for part, n in layout.sequence)
        self._runs: Iterator[LayoutRun] = Walk(layout)
        self._run_stop = 0
        self._kind = CellKind.NONE
        while self._run_stop <= self.complete_until and self._next_run():
            pass
        self._pass_by(self.complete_until)

    def __contains__(self, name: object) -> bool:
        """Whether the stream has a share of this name."""
        return name in self._shares

    # ---- what the shares report -----------------------------------------------------------------------------------------

    def report(self, name: str, report: ShareReport, now: float) -> None:
        """A share has come so far."""
        share = self._shares[name]
        if share.gone is not None:
            return
        before = share.report
        if (report.passed, report.seen_until, report.ended, report.blocked) != (
            before.passed,
            before.seen_until,
            before.ended,
            before.blocked,
        ):
            self._changed_at = now
        share.report = report
        if self.origin is None:
            self.origin = report.origin
        for comb in report.received:
            share.had_start = share.had_start or comb.first == 0
            for first, stop in comb.ranges():
                share.held.add(first, stop)
                self._receive(first, stop, count=not report.again)
        self._losses += report.losses
        if report.excuses:
            # Only the last one may still be open: it is told again, with its end, when that is known.
            share.excuses = [
                one for one in share.excuses if one.first != report.excuses[0].first
            ] + report.excuses

    def _receive(self, first: int, stop: int, *, count: bool) -> None:
        known = min(stop, self.complete_until)
        if first < known:
            late = sum(b - a for a, b in self._lost.within(first, known))
            self.late += late * count
            self.duplicates += (known - first - late) * count
            first = known
        self.duplicates += (stop - first - self._received.add(first, stop)) * count

    def gone(self, name: str, cause: str, now: float) -> None:
        """The ingester of a share has died with all that it kept."""
        share = self._shares.get(name)
        if share is not None and share.gone is None:
            share.gone, share.gone_at, self._changed_at = cause, now, now

    def close(self, layout: StreamLayout, event: int, now: float) -> None:
        """The open-ended run ends before ``event``, its end event if it has one; ``layout`` is what it has become."""
        self._follow(layout)
        self._closed_early = True
        self._settle_until(event)
        self._closed_early, self._changed_at = False, now

    # ---- what that means ------------------------------------------------------------------------------------------------

    def advance(self, now: float, settled_until: int) -> list[Loss]:
        """The events that are lost since the last call. All before ``settled_until`` are settled, whatever becomes of the shares."""
        for share in self._shares.values():
            share.held.remove(0, settled_until)
        self._write_off(now)
        self._over = self._over or self._is_over(now)
        self._settle_until(self._limit(now))
        losses, self._losses = self._losses, []
        return losses

    def _write_off(self, now: float) -> None:
        for share in self._shares.values():
            waits = now - share.gone_at <= self._settings.orphan_grace and not self.stopped
            if share.gone is None or share.written_off or waits:
                continue
            share.written_off = True
            share.blamed_until = self.seen_until
            self.start_gone = self.start_gone or share.had_start
            wanted = WantedEvents(self._layout)
            for first, stop in self._orphaned(share):
                self._lost.add(first, stop)
                wanted.before(first)
                self._losses += [Loss(a, b, share.gone) for a, b in wanted.before(stop)]
            share.held.clear()

    def _orphaned(self, dead: _ShareState) -> list[Range]:
        """What nobody else has, too."""
        orphaned = RangeSet(dead.held)
        for share in self._live:
            for first, stop in share.held:
                orphaned.remove(first, stop)
        return list(orphaned)

    @property
    def _live(self) -> list[_ShareState]:
        return [share for share in self._shares.values() if share.gone is None]

    def _is_over(self, now: float) -> bool:
        """Whether nothing more will come, though not every share has got to the end."""
        quiet = now - self._changed_at
        if self.blocked or not self._live:
            return False
        if any(share.report.ended for share in self._shares.values()):
            return quiet > self._settings.end_grace
        return len(self._live) < len(self._shares) and quiet > self._settings.silence

    def _limit(self, now: float) -> int:
        """What is missing before this event is lost."""
        if not self._live:
            return self.complete_until
        if self.stopped:
            return self.seen_until
        if self._over and not self.blocked and now - self._changed_at > self._settings.end_grace:
            return self.seen_until if self._total is None else self._total
        return min(share.report.passed for share in self._waited_for(now))

    def _waited_for(self, now: float) -> list[_ShareState]:
        """The shares to which a packet may still come that others have gone past.

        A share that reads on and to which nothing comes, while another one has no room left, is not among them: what the other has gone
        past was sent before. Otherwise a gap would keep the events behind it, these the room, and that the device from going on.
        """
        quiet = now - self._changed_at > self._settings.end_grace
        full = [share for share in self._live if share.report.blocked] if quiet else []
        dying = [share for share in self._shares.values() if share.gone is not None and not share.written_off]
        return [*(full or self._live), *dying]

    def _settle_until(self, limit: int) -> None:
        while self.complete_until < self._run_stop or self._next_run():
            here, stop = self.complete_until, self._run_stop
            if self._kind == CellKind.NONE:
                self.complete_until = stop
                continue
            come = min(self._received.run_from(here), stop)
            if come == here:
                if here >= limit:
                    break
                come = min(self._received.first_from(here) or stop, stop, limit)
                self._lose(here, come)
            self.complete_until = come
        self._pass_by(self.complete_until)

    def _next_run(self) -> bool:
        run = next(self._runs, None)
        if run is None:
            return False
        self._run_stop += run.count
        self._kind = CellKind(run.kind)
        return True

    def _pass_by(self, event: int) -> None:
        self._received.remove(0, event)
        for share in self._shares.values():
            share.excuses = [excuse for excuse in share.excuses if excuse.stop > event]

    def _lose(self, first: int, stop: int) -> None:
        self.gaps += stop - first
        self._lost.add(first, stop)
        # Also when the start event is reduced: a share may have died before it could tell that it had its packet.
        self.start_gone = self.start_gone or first == 0
        if self._kind == CellKind.WANTED:
            self._losses.append(Loss(first, stop, self._why(first, stop)))

    def _why(self, first: int, stop: int) -> str:
        if self._closed_early:
            return f"stream {self.stream!r} ended early: other streams went on"
        ended = any(share.report.ended for share in self._shares.values())
        for share in self._shares.values():
            if (
                share.gone is not None
                and share.report.passed <= first
                and self._is_to_blame(share, first, ended)
            ):
                return share.gone
        for share in self._shares.values():
            for excuse in share.excuses:
                if excuse.first < stop and first < excuse.stop:
                    return excuse.cause
        last = None if self._total is None else self._total - 1
        if ended and last is not None and (self._received.first_from(first) or last) >= last:
            return f"stream {self.stream!r} ended early: its series was closed before event {first} of {self._total}"
        taken = self._theft.gap(first, stop)
        return f"stream {self.stream!r} skipped frame numbers: {taken or 'a gap in what the device sent'}"

    def _is_to_blame(self, dead: _ShareState, event: int, ended: bool) -> bool:
        """Whether the packet of ``event`` may have been on its way to a share that is gone."""
        if not self._in_turn or not dead.written_off or event < dead.blamed_until:
            return True
        # The end of the series did not come to anybody else.
        return self._over and not ended

    # ---- the stream as a whole ------------------------------------------------------------------------------------------

    @property
    def seen_until(self) -> int:
        """One past the last event of which any share has seen a packet."""
        return max(share.report.seen_until for share in self._shares.values())

    @property
    def ended(self) -> bool:
        """Whether the device has closed its series and all of it is here."""
        return self._over

    @property
    def stopped(self) -> bool:
        """Whether nobody reads any more."""
        return bool(self._live) and all(share.report.stopped for share in self._live)

    @property
    def blocked(self) -> bool:
        """Whether a share does not read on before events are settled."""
        return any(share.report.blocked for share in self._live)

    @property
    def all_gone(self) -> str | None:
        """Why nothing more will come, when every share's ingester has died."""
        if self._live:
            return None
        return max(self._shares.values(), key=lambda share: share.gone_at).gone
