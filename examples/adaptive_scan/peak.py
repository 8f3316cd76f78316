"""Finds the peak of a scan while it goes on, and says so: the scan may stop, and where its motor is to go."""

from __future__ import annotations

from typing import Any

import numpy as np

from beamloom import Event, GiveFeedback, PacketKind, Result

PASSED = 0.5
"""A peak is passed when the scan has come down to this part of its height on both sides."""
BESIDE = 2
"""So many points are to be as low on each side."""
ENOUGH = 3
"""Points from which a peak can be known: its place, height and width."""


class Worker:
    """Where the motor was, and the counts of the camera."""

    def process_event(self, event: Event) -> tuple[float, float] | None:
        """The position, and the sum of all pixels; None for the start and the end."""
        scan, camera = event.streams["scan"], event.streams["camera"]
        if scan.kind is not PacketKind.DATA or camera.kind is not PacketKind.DATA:
            return None
        return float(scan.parse().data["motor"]), float(camera.parse().data.sum())


class Reducer:
    """The curve of the scan, and its peak as soon as it is passed."""

    feedback: GiveFeedback

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"position": np.empty(0), "counts": np.empty(0)}
        self._points: dict[float, float] = {}

    def process_result(self, result: Result) -> None:
        """Add a point."""
        if result.payload is None:
            return
        position, counts = result.payload
        self._points[position] = counts
        positions = np.array(sorted(self._points))
        self.publish["position"] = positions
        self.publish["counts"] = np.array([self._points[one] for one in positions])
        peak = passed_peak(positions, self.publish["counts"])
        if peak is not None and "peak" not in self.publish:
            self.publish["peak"] = peak
            self.feedback("stop", reason=f"the peak is at {peak:.3f}", position=peak)


def passed_peak(positions: np.ndarray, counts: np.ndarray) -> float | None:
    """The centre of a Gaussian peak, from counts at ascending positions; None while its both sides have not been seen.

    The logarithm of a Gaussian is a parabola, whose vertex is the centre: a fit to the points in the upper half.
    """
    if len(counts) == 0 or counts.max() <= 0:
        return None
    top, low = int(counts.argmax()), counts < PASSED * counts.max()
    upper = ~low
    if low[:top].sum() < BESIDE or low[top:].sum() < BESIDE or upper.sum() < ENOUGH:
        return None
    # In coordinates of the fit's own, so that it is as good for 8,000 eV as for 0.1 mm.
    middle, spread = positions[upper].mean(), np.ptp(positions[upper])
    curvature, slope, _ = np.polyfit((positions[upper] - middle) / spread, np.log(counts[upper]), 2)
    return float(middle - spread * slope / (2 * curvature)) if curvature < 0 else None
