"""What each piece of work takes on this machine, in seconds of a processor."""

from __future__ import annotations

import msgspec


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """Measured by ``measuring.measure``; kept as JSON, they make a simulation repeatable elsewhere."""

    receive: float
    """Taking one message from a socket and decoding it."""
    send: float
    """Encoding one message and giving it to a socket."""
    send_again: float
    """Giving the same message to one more socket."""
    byte: float
    """Each byte of a large message, on either side."""
    controller_turn: float
    """A turn of the controller in which nothing is to be decided; this and those below without sockets."""
    controller_message: float
    """Hearing one message."""
    controller_range: float
    """Settling one range of events that the reducer has told of."""
    controller_lease: float
    """Giving out one lease."""
    ingester_packet: float
    ingester_message: float
    """Routing what shares a message to a worker, and packing it."""
    ingester_range: float
    """Letting go of one range of settled events."""
    worker_event: float
    """What goes with each call of the analysis."""
    worker_message: float
    reducer_event: float
    reducer_message: float

    def lines(self) -> list[str]:
        """For people, in microseconds."""
        return [
            f"{name.replace('_', ' '):<20}{1e6 * seconds:>10.4g} us"
            for name, seconds in msgspec.structs.asdict(self).items()
        ]


GIVEN = Costs(
    receive=9e-6,
    send=11e-6,
    send_again=5e-6,
    byte=0.3e-9,
    controller_turn=25e-6,
    controller_message=8e-6,
    controller_range=12e-6,
    controller_lease=25e-6,
    ingester_packet=0.6e-6,
    ingester_message=30e-6,
    ingester_range=15e-6,
    worker_event=1.2e-6,
    worker_message=25e-6,
    reducer_event=1.2e-6,
    reducer_message=25e-6,
)
"""Round figures of a machine of 2025, for tests and for who wants the same run everywhere."""
