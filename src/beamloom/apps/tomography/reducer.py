"""The reduce: keeps angles and projections, and makes slices of all projections that have come so far.

Slices are made a few times a minute at most, in a fifth of the reducer's time, always of all projections in the order of their events:
they do not depend on the order in which these came, and a slice that is moved, or an axis that is set otherwise, is there at the next look.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from beamloom import Parameter, ParameterSet, Result, Table
from beamloom.apps.tomography import parameters as described
from beamloom.apps.tomography.angles import Turning
from beamloom.apps.tomography.pictures import curve, pictures_of

if TYPE_CHECKING:
    from beamloom.apps.tomography.stock import Stock

Array = np.ndarray[Any, np.dtype[Any]]
_INTERVAL: Final = 1.0
"""Seconds between two looks, at least."""
_SHARE: Final = 5.0
"""The time between two looks, in times of what a look takes."""
_COLUMNS: Final = ("degrees", "time", "camera_time", "frame_number", "sent")


class Reducer:
    """Tomography: the results of all workers, of either class."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        """Everything that can be set; see ``parameters.py``."""
        return [*described.ANGLES, *described.SLICES]

    def __init__(self) -> None:
        self._frames = Table(
            units={"degrees": "deg", "time": "s", "camera_time": "s"}, fill={"frame_number": -1}
        )
        self._stock: Stock | None = None
        self._seen: tuple[int, str] | None = None
        self.publish: dict[str, Any] = {"frames": self._frames}

    def process_result(self, result: Result) -> None:
        """Take what a worker made of a frame."""
        payload, event = result.payload, result.event_number
        if payload is None:
            return
        self._frames.add(event, {name: payload[name] for name in _COLUMNS if name in payload})
        if "projection" in payload:
            if self._stock is None:
                self._stock = _stock()
            self._stock.add(event, payload["projection"], result.epoch)

    def timer(self, parameters: ParameterSet) -> float:
        """Make slices of what there is; returns the seconds until the next time."""
        begun = time.monotonic()
        self._look(parameters)
        return max(_INTERVAL, _SHARE * (time.monotonic() - begun))

    def finish(self, parameters: ParameterSet) -> None:
        """Make them for the last time."""
        self._look(parameters)

    def _look(self, given: ParameterSet) -> None:
        if self._seen == (self._frames.version, given.hash) or not self._frames.version:
            return
        self._seen = (self._frames.version, given.hash)
        columns = self._frames.snapshot()
        events = np.concatenate([np.arange(*run) for run in self._frames.coverage])
        times, shown = (np.asarray(columns[name])[events] for name in ("time", "degrees"))
        turning = turning_of(given)
        angles = [turning.follow(*one) for one in zip(times.tolist(), shown.tolist(), strict=True)]
        degrees = np.array([angle.degrees for angle in angles])
        self.publish["angles"] = curve(events, degrees, "angle", "deg") | {
            "measured": np.array([angle.measured for angle in angles]),
            "time": times,
        }
        if "sent" in columns:
            sent = np.asarray(columns["sent"])[events]
            self.publish["republished"] = {"frames": int(sent.sum()), "left_out": int((~sent).sum())}
        if self._stock is not None:
            self.publish |= pictures_of(
                self._stock, dict(zip(events.tolist(), degrees.tolist(), strict=True)), given
            )


def _stock() -> Stock:
    """Only where slices are made: they need numba. Raises UserError."""
    from beamloom.apps.tomography.stock import Stock

    return Stock()


def turning_of(given: ParameterSet) -> Turning:
    """How the angles of this encoder go on."""
    return Turning(float(given["angle_turn"]), float(given["angle_offset"]))
