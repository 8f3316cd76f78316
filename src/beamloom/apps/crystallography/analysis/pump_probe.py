"""Pump-probe classes: what another stream says of the laser at this event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from beamloom import Event
from beamloom.apps.crystallography.analysis.inputs import AnalysisInputError, Given
from beamloom.apps.images import data_of

NOT_KNOWN: Final = -1
DARK: Final = 0
PUMPED: Final = 1
_OFF = frozenset({"", "0", "false", "off", "no", "none"})


def laser(event: Event, given: Given) -> int:
    """PUMPED or DARK; NOT_KNOWN where the experiment has no laser, or the event no packet of its stream.

    Raises AnalysisInputError where the stream or the field in its packets is not there.
    """
    if not bool(given["pump_probe_experiment"]):
        return NOT_KNOWN
    stream, field = str(given["optical_laser_stream"].value), str(given["optical_laser_field"].value)
    if not stream:
        raise AnalysisInputError(
            "pump_probe_experiment is on, but no stream tells of the laser; set optical_laser_stream"
        )
    parsed = data_of(event.streams.get(stream))
    if parsed is None:
        return NOT_KNOWN
    return PUMPED if _is_on(_look_up(parsed, field, stream)) else DARK


def class_of(is_hit: bool, state: int) -> str:
    """The name of the class of a frame: ``hits`` or ``non_hits``, with ``_pumped`` or ``_dark`` where that is known."""
    return ("hits" if is_hit else "non_hits") + {PUMPED: "_pumped", DARK: "_dark"}.get(state, "")


def _look_up(parsed: Any, field: str, stream: str) -> Any:
    found = parsed
    for name in field.split("."):
        try:
            found = found[name] if isinstance(found, Mapping) else getattr(found, name)
        except (KeyError, AttributeError):
            raise AnalysisInputError(
                f"the packets of the stream {stream} have no {field}; set optical_laser_field to what tells of the laser"
            ) from None
    return found


def _is_on(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in _OFF
    return bool(np.any(np.asarray(value)))
