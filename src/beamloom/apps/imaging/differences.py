"""The map for differences of consecutive frames: a worker whose instances remember the frame before.

Each constraint of the trigger map is a window of consecutive events, and has an instance of its own that sees them in order. Windows
overlap by one event, so that every pair of neighbours is in exactly one of them: the answer is that of a loop over all frames, however many
workers there are and whichever of them dies. The trigger maps for it are ``beamloom.TriggerMap``s as ``windows`` makes them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from beamloom import Event, Latest, Parameter, ParameterSet, Sum, Table, UserError
from beamloom.apps.images import Camera
from beamloom.apps.imaging import parameters as described

Array = np.ndarray[Any, np.dtype[Any]]


class DifferenceWorker:
    """How much each frame differs from the one before."""

    stateful = True

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        """Everything that can be set; see ``parameters.py``."""
        return described.CAMERA

    def __init__(self) -> None:
        self._camera = Camera()
        self._before: tuple[int, Array] | None = None

    def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, Any] | None:
        """The absolute difference to the frame of the event before; None for the first one of a window, and behind a gap.

        Raises UserError for frames of two shapes.
        """
        seen = self._camera.image(event, str(parameters["detector_stream"].value))
        if seen is None:
            return None
        number, before = event.event_number, self._before
        # Copied, as the memory of the frame is given back when the event is done.
        self._before = number, seen.array.copy()
        if before is None or before[0] != number - 1:
            return None
        if before[1].shape != seen.array.shape:
            raise UserError(
                f"frames had the shape {before[1].shape}, and that of event {number} has {seen.array.shape}; there is no difference "
                "between them: let the camera keep its region during a run"
            )
        change = difference(before[1], seen.array)
        return {
            "changes": Sum(units="counts", label="sum of all changes").add(number, change),
            "last_change": Latest(int(parameters["show_every"]), units="counts", label="last change").add(
                number, change
            ),
            "frames": Table().add(number, {"change": float(change.mean(dtype=float))}),
        }


def difference(before: Array, after: Array) -> Array:
    """The absolute difference, which never overflows: of whole numbers in their unsigned type."""
    change: Array
    if after.dtype.kind == "f":
        change = np.abs(after - before)
        return change
    unsigned = np.dtype(f"u{after.dtype.itemsize}")
    high, low = np.maximum(before, after), np.minimum(before, after)
    change = np.subtract(high.view(unsigned), low.view(unsigned))
    return change


def windows(stream: str, frames: int, size: int = 50) -> dict[str, Any]:
    """A trigger map of ``frames`` events, as it is posted to ``/api/v1/sequence``: windows of ``size`` events that overlap by one.

    A frame that ends one window and begins the next goes to two workers, all others to one: so ``size`` says how much is sent twice, and
    how many frames there must be to keep a worker busy. Raises ValueError for windows of fewer than two events.
    """
    if size < 2 or frames < 2:
        raise ValueError(
            f"a window of {size} of {frames} frames has no pair of neighbours; give 2 at least of both"
        )
    last = (frames - 2) // (size - 1)
    cells = []
    for event in range(frames):
        window, place = divmod(event, size - 1)
        seen_in = [window - 1, window] if place == 0 and window else [window]
        cells.append([{"constraint": one} for one in seen_in if one <= last])
    return {"parts": {"main": {stream: cells}}, "sequence": ["main"]}
