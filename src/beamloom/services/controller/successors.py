"""Ingesters that take up the streams of others that died.

Policy: whoever registers streams of the run that have no ingester is armed for them, at once; how it finds its place is in
``engine/streams/rejoining``. One that had only not been heard, as the network was cut, comes back with all that it had: it goes on
with that, and nothing is lost. A device that is not there yet is tried again for as long as the run waits; a stream that cannot
be taken up by anybody, because of what its device sends, is given up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from beamloom.engine.runs.run import Run, RunPhase
from beamloom.services.controller.active_run import ActiveRun
from beamloom.services.controller.ensemble import Ensemble, Member
from beamloom.transport.channel import Channel
from beamloom.transport.messages import Arm, Armed, Orders, TakeStock

logger = logging.getLogger(__name__)


class Successors:
    """Arms the next ingesters of streams, and hears whether they can."""

    def __init__(self, ensemble: Ensemble, channel: Channel, message: Callable[[Run, Member], Arm]) -> None:
        """``message`` makes what a process is told that takes part in a run."""
        self._ensemble = ensemble
        self._channel = channel
        self._message = message

    def look(self, active: ActiveRun, now: float) -> None:
        """Arm those who can take up a stream."""
        if active.finished or active.takeover is not None or active.run.phase is not RunPhase.RUNNING:
            return
        vacant = active.run.succession.vacant
        # Who is armed is told where the reducer is; without one the run waits for that first.
        if not vacant or self._ensemble.reducer is None:
            return
        for member in self._ensemble.ingesters:
            streams = [stream for stream in member.register.streams if stream in vacant]
            others = [stream for stream in member.register.streams if active.has_ingester(stream)]
            if streams and not others and not member.register.fault:
                self._arm(active, member, streams, now)

    def dismiss(self, active: ActiveRun | None, member: Member) -> None:
        """Have an ingester that has just come forget what it may hold of a run that needs nothing of it."""
        vacant = () if active is None or active.finished else active.run.succession.vacant
        if not any(stream in vacant for stream in member.register.streams):
            self._channel.send(member.peer, TakeStock(None))

    def _arm(self, active: ActiveRun, member: Member, streams: list[str], now: float) -> None:
        handover = active.hand_over(streams, now)
        arm = self._message(active.run, member)
        layouts = {stream: arm.layouts[stream] for stream in streams}
        self._channel.send(
            member.peer, msgspec.structs.replace(arm, layouts=layouts, rejoins=handover.rejoins)
        )
        run = active.run
        # Who has had the stream all along may not have heard that it ended meanwhile.
        closed = None if run.trigger_map.total_events is not None else run.ledger.total
        orders = Orders(
            run.run_id, handover.spans, handover.settled, close_at=closed, resync=True, spare=handover.spare
        )
        self._channel.send(member.peer, orders)
        logger.info("%s takes up %s", member.name, ", ".join(map(repr, streams)))

    def confirmed(self, active: ActiveRun, member: Member, armed: Armed, now: float) -> None:
        """An ingester says whether it can take up its streams."""
        if armed.kept:
            active.reports.count_on(armed.kept)
            logger.info("%s is heard again and has lost nothing", member.name)
        if armed.problem is not None:
            logger.warning("%s cannot take up its streams: %s", member.name, armed.problem)
            for stream in member.register.streams:
                active.refuse(stream, armed.problem, now, final=not armed.absent)
