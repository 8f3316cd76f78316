"""What a process does when the controller wants a trace of it."""

from __future__ import annotations

from beamloom.transport.channel import Channel
from beamloom.transport.messages import CONTROLLER, Explained, Trace
from beamloom.transport.tracing import Tracer


def heed(channel: Channel, trace: Trace) -> None:
    """Begin to keep what this process does, or tell what was kept and keep no more."""
    meter = channel.meter
    if trace.spans > 0:
        meter.tracer = Tracer(trace.spans)
        return
    told = {} if meter.tracer is None else meter.tracer.told()
    meter.tracer = None
    channel.send(CONTROLLER, Explained(trace.question, told))
