"""How the streams of an ingester are at this moment, for somebody who looks.

Policy: everything is found out when it is asked for, from what is there anyhow. What a stream carries is learned from one packet of a run,
which is copied and read in a thread of its own: the device is read on meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from beamloom.events import Packet
from beamloom.services.ingester.device_faults import is_there, why_absent
from beamloom.services.ingester.stream_run import StreamRun

SECONDS = 2.0
"""Over which rates are told."""
SILENCE = 1.0
"""Seconds without a packet after which a stream counts as silent, or three times as long as its packets are apart."""

Layout = dict[str, Any]


class StreamLooks:
    """The looks at all streams of one ingester."""

    def __init__(self) -> None:
        self._run: str | None = None
        self._layouts: dict[str, Layout] = {}
        self._reading: set[str] = set()

    def at(
        self,
        run: str | None,
        streams: Mapping[str, StreamRun],
        others: Iterable[str],
        *,
        connecting: bool,
        event: int | None,
    ) -> dict[str, dict[str, Any]]:
        """Each stream of the run, and the ``others`` that are not read now; ``event``: say when its packets came."""
        if run is not None and run != self._run:
            # As long as there is no other run, what the last one showed holds.
            self._run, self._layouts, self._reading = run, {}, set()
        told = {stream: self._of(one, connecting=connecting, event=event) for stream, one in streams.items()}
        for stream in others:
            told.setdefault(stream, {"state": "idle", "layout": self._layouts.get(stream)})
        return told

    def _of(self, one: StreamRun, *, connecting: bool, event: int | None) -> dict[str, Any]:
        retention, last = one.router.retention, one.arrivals.last
        flow = one.arrivals.flow(SECONDS)
        came = None if event is None else one.arrivals.of(event)
        if came is not None:
            # At once, so that nothing comes between the two readings of clocks.
            came["at"] = time.time() - came["seconds_ago"]
        begins_with = one.arrivals.begins_with if event is not None and came is None else None
        state, why = _state(one, connecting=connecting, per_second=flow.packets)
        return {
            "state": state,
            "why": why,
            "last_number": None if last is None or last.number is None else last.number + last.packets - 1,
            "last_event": None if last is None else last.first + last.packets - 1,
            "seconds_since_last": one.arrivals.silence,
            "packet_bytes": None if last is None else last.nbytes,
            "packets_per_second": flow.packets,
            "bytes_per_second": flow.nbytes,
            "events_per_second": flow.events,
            "complete_until": one.router.complete_until,
            "retained_bytes": retention.nbytes,
            "retention_limit": retention.budget,
            "retained_packets": len(retention),
            "spooled_events": sum(stop - first for first, stop in retention.spooled),
            "on_full": str(retention.when_full),
            "layout": self._layout(one),
            "came": came,
            "forgotten": event is not None and begins_with is not None and begins_with > event,
        }

    def _layout(self, one: StreamRun) -> Layout | None:
        stream = one.stream
        if stream in self._layouts or stream in self._reading:
            return self._layouts.get(stream)
        sample = one.arrivals.sample()
        if sample is not None:
            self._reading.add(stream)
            learn = (self._layouts, self._reading, stream, sample)
            threading.Thread(target=_learn, args=learn, name=f"layout of {stream}", daemon=True).start()
        return None


def _learn(layouts: dict[str, Layout], reading: set[str], stream: str, sample: Packet) -> None:
    # What parses may take a moment to import, and nobody needs it who is not looked at.
    from beamloom.glance.layout import layout_of

    layouts[stream] = layout_of(sample)
    reading.discard(stream)


def _state(one: StreamRun, *, connecting: bool, per_second: float) -> tuple[str, str]:
    """A word, and where that says more, why."""
    router = one.router
    if connecting:
        there = is_there(one.source)
        return ("connected", "") if there else ("connecting", why_absent(one.source) or "")
    if one.stopped:
        return "stopped", ""
    if one.has_all or router.ended or router.has_all:
        return "complete", ""
    if not router.has_room:
        return "full", "packets wait until their events are reduced; the device is not read meanwhile"
    if one.watch.problem is not None:
        return "disconnected", one.watch.problem
    silence = one.arrivals.silence
    if silence is None:
        return "silent", "no packet has come yet"
    usual = 3 / per_second if per_second else 0.0
    return ("silent", "no packet comes") if silence > max(SILENCE, usual) else ("receiving", "")
