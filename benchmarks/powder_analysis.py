"""What ``result_types.py`` runs: the sum of all frames, merged by the workers or by the reducer alone."""

from __future__ import annotations

import numpy as np

from beamloom import Event, MergingReducer, PacketKind, Sum

SHAPE = (512, 512)


class Single:
    """Sends the sum of each event."""

    def process_event(self, event: Event) -> dict[str, Sum] | None:
        packet = event.streams["detector0"]
        if packet.kind is not PacketKind.DATA:
            return None
        return {
            "powder": Sum().add(event.event_number, np.frombuffer(packet.frames[1], np.uint16).reshape(SHAPE))
        }


class Merged(Single):
    """Sends one sum for many events."""

    combine = True


class Reducer(MergingReducer):
    """Publishes the sum."""
