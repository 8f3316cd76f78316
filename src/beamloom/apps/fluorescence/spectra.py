"""What an event says of a point: its spectrum, by how much that is short of counts, and where the beam was.

Spectra are those of any device whose packets have an array of (elements, channels) or of channels alone. Positions are one number for
each event (step scans, and fly scans whose positions a PandABox captures), or a whole line of them in one packet, that comes with the last
event of the line or with its first (fly scans of scan software).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from beamloom import Event, ParameterSet, UserError
from beamloom.apps.images import data_of
from beamloom.apps.values import number_of, numbers_of

Array = np.ndarray[Any, np.dtype[Any]]


class Spectrum(NamedTuple):
    """The spectrum of one event."""

    counted: Array
    """Counts as they are, of the chosen elements of the detector, (channels,)."""
    corrected: Array
    """The same without dead time, float64."""
    correction: float
    """The mean of the factors."""


def spectrum_of(event: Event, parameters: ParameterSet) -> Spectrum | None:
    """The spectrum of ``event``; None for an event without. Raises UserError."""
    array = _array(event, str(parameters["spectra_stream"].value))
    if array is None:
        return None
    chosen = np.asarray(parameters["detector_elements"].value)
    if chosen.size and int(chosen.max()) >= len(array):
        raise UserError(
            f"detector_elements has {chosen.max()}, but the detector has {len(array)} elements; they count from 0"
        )
    used = array[chosen] if chosen.size else array
    counted = used.sum(axis=0) if len(used) > 1 else used[0]
    name = str(parameters["dead_time"].value)
    factors = numbers_of(event, name, "dead_time") if name else None
    if factors is None:
        return Spectrum(counted, np.asarray(counted, np.float64), 1.0)
    if factors.size == 1:
        return Spectrum(counted, counted * factors.item(), factors.item())
    if factors.shape != (len(array),):
        raise UserError(
            f"dead_time is {name}, which has the shape {factors.shape}; give one number, or one for each of the {len(array)} elements"
        )
    factors = factors[chosen] if chosen.size else factors
    return Spectrum(counted, factors @ used, float(factors.mean()))


def i0_of(event: Event, parameters: ParameterSet) -> float:
    """What to divide by: 1 where nothing is said, NaN where the event has no packet that tells, or no beam. Raises UserError."""
    name = str(parameters["i0"].value)
    if not name:
        return 1.0
    found = number_of(event, name, "i0")
    return found if found is not None and found > 0 else float("nan")


def positions_of(event: Event, parameters: ParameterSet) -> dict[int, tuple[float, float]]:
    """Where the beam was, by event: of this one, or of a whole line. Empty where this event does not tell. Raises UserError."""
    names = {axis: str(parameters[axis].value) for axis in "xy"}
    found = {axis: numbers_of(event, name, axis) if name else np.zeros(1) for axis, name in names.items()}
    x, y = (None if one is None else one.reshape(-1) for one in found.values())
    if not any(names.values()) or x is None or y is None:
        return {}
    count = max(x.size, y.size)
    if {x.size, y.size} - {1, count}:
        raise UserError(
            f"x is {names['x']} with {x.size} positions, y is {names['y']} with {y.size}; give as many of both"
        )
    number = event.event_number
    first = number - count + 1 if parameters["line_packet"].value == "last" else number
    if first < 0:
        raise UserError(
            f"event {number} brings {count} positions, but there are not as many events before it; see line_packet"
        )
    places = zip(np.broadcast_to(x, count).tolist(), np.broadcast_to(y, count).tolist(), strict=True)
    return dict(enumerate(places, start=first))


def _array(event: Event, stream: str) -> Array | None:
    """(elements, channels)."""
    names = [stream] if stream else list(event.streams)
    found = {
        name: array for name in names if (array := _spectra(data_of(event.streams.get(name)))) is not None
    }
    if len(found) > 1:
        raise UserError(
            f"the streams {', '.join(sorted(found))} have spectra; say by spectra_stream which is the spectrometer"
        )
    if stream and not found and data_of(event.streams.get(stream)) is not None:
        raise UserError(f"the packets of the stream {stream} have no spectra; name another by spectra_stream")
    return next(iter(found.values()), None)


def _spectra(parsed: Any) -> Array | None:
    for name in ("data", "array"):
        array = getattr(parsed, name, None) if parsed is not None else None
        if isinstance(array, np.ndarray) and array.ndim in (1, 2) and array.shape[-1] > 8:
            return np.atleast_2d(array)
    return None
