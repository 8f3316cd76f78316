"""The event as OM gives it to a processing class: a dictionary.

``detector_data`` is the image as the device sent it; ``event_id``, ``timestamp``, ``beam_energy`` (eV) and ``detector_distance`` (mm) are
as in OM; further streams are there under their own names, as their packets say when they are parsed.
"""

from __future__ import annotations

from typing import Any

from beamloom import Event
from beamloom.apps.crystallography.analysis.frames import Streams
from beamloom.apps.images import data_of
from beamloom.apps.om.monitor_parameters import MonitorParameters
from beamloom.apps.om.parameters import Given, fallback


class EventData:
    """Makes the dictionaries of one run."""

    def __init__(self, configured: MonitorParameters) -> None:
        self._configured = configured
        self._streams = Streams()

    def of(self, event: Event, given: Given) -> dict[str, Any] | None:
        """The dictionary; None for an event without a frame. Raises UserError where several streams have images."""
        frame = self._streams.frame(event, str(given["detector_stream"].value))
        if frame is None:
            return None
        others = {name: data_of(packet) for name, packet in event.streams.items()}
        return {
            **{name: parsed for name, parsed in others.items() if parsed is not None},
            "detector_data": frame.image,
            "event_id": frame.event_id,
            "timestamp": frame.timestamp,
            "beam_energy": fallback(given, self._configured, "fallback_beam_energy_in_eV"),
            "detector_distance": fallback(given, self._configured, "fallback_detector_distance_in_mm"),
        }
