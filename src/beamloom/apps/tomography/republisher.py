"""A worker that sends each frame on with its angle, as STINS: to other software, or to a second pipeline that makes slices of them.

Frames go from this process to whoever reads, past the reducer, which gets the angles alone: they would be written to its journal, too, and
that is several times slower. So that frames leave in the order of their events, from one address, a pipeline has one such worker.

Numbers of messages follow the events: what was lost, or left out because nobody read it, is missing in them, and a frame that comes again
after a worker has died has the number that it had.
"""

from __future__ import annotations

from typing import Any

from beamloom import Event, PacketKind, Parameter, ParameterSet
from beamloom.apps.images import Camera
from beamloom.apps.tomography import parameters as described
from beamloom.apps.tomography.angles import Turning
from beamloom.apps.tomography.encoder import Encoder, camera_time
from beamloom.apps.tomography.messages import end_message, frame_header, header_message, opening_of
from beamloom.apps.tomography.port import Port


class Republisher:
    """Sends frames on with their angles."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        """Everything that can be set; see ``parameters.py``."""
        return [*described.ANGLES, *described.SENDING]

    def __init__(self, parameters: ParameterSet, context: dict[Any, Any] | None = None) -> None:
        """Bind the address. Raises UserError."""
        self._camera = Camera()
        self._encoder = Encoder()
        self._turning = Turning(float(parameters["angle_turn"]), float(parameters["angle_offset"]))
        self._port = Port.of(
            {} if context is None else context,
            str(parameters["republish_url"].value),
            int(parameters["republish_queue"]),
        )
        self._first_number = self._port.next_number
        self._opening: dict[str, Any] = {}
        self._begun = False

    def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, Any] | None:
        """Send the frame on; returns its angle. Raises UserError."""
        self._encoder.remember(event)
        seen = self._camera.image(event, str(parameters["detector_stream"].value))
        number = self._first_number + event.event_number
        self._port.next_number = max(self._port.next_number, number + 1)
        if seen is None:
            self._pass_on(event, number)
            return None
        reading = self._encoder.reading(event, seen, parameters)
        angle = self._turning.follow(reading.time, reading.degrees)
        frame = getattr(seen.parsed, "frame", event.event_number)
        blobs = getattr(seen.parsed, "blobs", None) or [seen.array.tobytes()]
        self._begin(number - 1)
        # Copied, as the memory of the frame is given back when the event is done.
        message = [frame_header(seen, frame, angle, reading.time, number), *map(bytes, blobs)]
        return {
            "degrees": reading.degrees,
            "time": reading.time,
            "camera_time": camera_time(seen.parsed),
            "frame_number": frame,
            "sent": self._port.send(message),
        }

    def close(self, context: dict[Any, Any]) -> None:
        """The process ends, and with it the socket."""
        Port.close_of(context)

    def _pass_on(self, event: Event, number: int) -> None:
        """What opens and closes a series."""
        opening = opening_of(event)
        if opening is not None:
            self._opening = opening
            self._begin(number)
        elif self._begun and any(packet.kind is PacketKind.END for packet in event.streams.values()):
            self._port.send([end_message(number)])

    def _begin(self, number: int) -> None:
        """Send what opens the series, unless somebody has it: a reader may come late."""
        if not self._begun:
            self._begun = self._port.send(header_message(self._opening, number))
