"""The map: the localizations of one frame.

They follow from that frame and the parameters of its event alone, so it does not matter which worker gets it, and when.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from beamloom import Event, PacketKind, Parameter, ParameterSet, UserError
from beamloom.apps.localization import parameters as described
from beamloom.apps.localization.localizing import localize
from beamloom.apps.localization.settings import Settings

Array = np.ndarray[Any, np.dtype[Any]]


class Worker:
    """Single-molecule localization, of any device that sends images."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        """Everything that can be set; see ``parameters.py``."""
        return described.of_workers()

    def __init__(self) -> None:
        self._settings: tuple[str, Settings] | None = None

    def process_event(self, event: Event, parameters: ParameterSet) -> Array | None:
        """The table of the frame, of the type ``LOCALIZATION``; None for an event without a frame.

        Raises UserError where frame and parameters do not fit together.
        """
        frame = frame_of(event, str(parameters["camera_stream"].value))
        if frame is None:
            return None
        if self._settings is None or self._settings[0] != parameters.hash:
            self._settings = parameters.hash, described.settings_of(parameters)
        try:
            return localize(frame[np.newaxis], self._settings[1], first_frame=event.event_number)
        except ValueError as error:
            raise UserError(
                f"the frame of event {event.event_number} cannot be localized: {error}"
            ) from error


def frame_of(event: Event, stream: str) -> Array | None:
    """The image of ``stream``, or of the one stream that has one, (rows, columns). Raises UserError where there are several."""
    images = {}
    for name, packet in event.streams.items():
        if packet.kind is PacketKind.DATA and stream in ("", name):
            array = getattr(packet.parse(), "array", None)
            if isinstance(array, np.ndarray) and array.ndim >= 2:
                images[name] = array
    if len(images) > 1:
        raise UserError(
            f"the streams {', '.join(sorted(images))} send images; say by the parameter camera_stream which is the camera"
        )
    for name, array in images.items():
        if array.ndim > 2 and array.size != array.shape[-1] * array.shape[-2]:
            raise UserError(
                f"the packets of {name} have arrays of {array.shape}; localization takes one grey image for each event"
            )
        return array.reshape(array.shape[-2:])
    return None
