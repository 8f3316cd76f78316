"""What an event says of a point: its spectrum, by how much that is short of counts, and where the beam was.

Spectra are those of any device whose packets have an array of (elements, channels) or of channels alone. Positions are one number for
each event (step scans, and fly scans whose positions a PandABox captures), or a whole line of them in one packet, that comes with the last
event of the line or with its first (fly scans of scan software).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from beamloom import ParameterSet, UserError
from beamloom.apps.values import Packets, has_field

Array = np.ndarray[Any, np.dtype[Any]]


class Spectrum(NamedTuple):
    """The spectrum of one event."""

    counted: Array
    """Counts as they are, of the chosen elements of the detector, (channels,)."""
    corrected: Array
    """The same without dead time, float64."""
    correction: float
    """The mean of the factors."""


def spectrum_of(packets: Packets, parameters: ParameterSet) -> Spectrum | None:
    """The spectrum of an event; None for an event without. Raises UserError."""
    array = _array(packets, str(parameters["spectra_stream"].value))
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
    factors = packets.numbers(name, "dead_time") if name else None
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


def i0_of(packets: Packets, parameters: ParameterSet) -> float:
    """What to divide by: 1 where nothing is said, NaN where the event has no packet that tells, or no beam. Raises UserError."""
    name = str(parameters["i0"].value)
    if not name:
        return 1.0
    found = packets.number(name, "i0")
    return found if found is not None and found > 0 else float("nan")


def positions_of(packets: Packets, parameters: ParameterSet) -> dict[int, tuple[float, float]]:
    """Where the beam was, by event: of this one, or of a whole line. Empty where this event does not tell. Raises UserError."""
    names = {axis: str(parameters[axis].value) for axis in "xy"}
    if not any(names.values()):
        return {}
    x, y = (packets.numbers(name, axis) if name else np.zeros(1) for axis, name in names.items())
    if x is None or y is None:
        return {}
    number = packets.event.event_number
    if x.size == y.size == 1:
        return {number: (x.item(), y.item())}
    x, y = x.reshape(-1), y.reshape(-1)
    count = max(x.size, y.size)
    if {x.size, y.size} - {1, count}:
        raise UserError(
            f"x is {names['x']} with {x.size} positions, y is {names['y']} with {y.size}; give as many of both"
        )
    first = number - count + 1 if parameters["line_packet"].value == "last" else number
    if first < 0:
        raise UserError(
            f"event {number} brings {count} positions, but there are not as many events before it; see line_packet"
        )
    places = zip(np.broadcast_to(x, count).tolist(), np.broadcast_to(y, count).tolist(), strict=True)
    return dict(enumerate(places, start=first))


def _array(packets: Packets, stream: str) -> Array | None:
    """(elements, channels)."""
    found = {}
    for name in [stream] if stream else packets.event.streams:
        array = _spectra(packets.parsed(name))
        if array is not None:
            found[name] = array
    if len(found) > 1:
        raise UserError(
            f"the streams {', '.join(sorted(found))} have spectra; say by spectra_stream which is the spectrometer"
        )
    if stream and not found and packets.parsed(stream) is not None:
        raise UserError(f"the packets of the stream {stream} have no spectra; name another by spectra_stream")
    return next(iter(found.values()), None)


def _spectra(parsed: Any) -> Array | None:
    for name in ("data", "array"):
        if parsed is not None and has_field(parsed, name):
            array = getattr(parsed, name)
            if isinstance(array, np.ndarray) and array.ndim in (1, 2) and array.shape[-1] > 8:
                return np.atleast_2d(array)
    return None
