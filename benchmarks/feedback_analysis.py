"""An analysis that decides something with each frame, and says when that frame was due."""

from __future__ import annotations

from beamloom import Event, GiveFeedback, PacketKind, Result


class Worker:
    """Returns when the frame was due, as its detector says (monotonic, ns)."""

    def process_event(self, event: Event) -> int | None:
        """From the first eight bytes of the frame."""
        (packet,) = event.streams.values()
        return None if packet.kind is not PacketKind.DATA else int.from_bytes(packet.frames[-1][:8], "little")


class Reducer:
    """Says where to go next."""

    feedback: GiveFeedback

    def process_result(self, result: Result) -> None:
        """Decide."""
        self.feedback("next_position", x=result.event_number, due=result.payload)
