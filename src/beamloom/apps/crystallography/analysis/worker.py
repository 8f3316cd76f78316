"""The map: calibrates a frame, seeks its peaks, says whether it is a hit, and returns what is summed and listed.

What a frame gives depends on that frame and the parameters of its event alone (but in ``fast`` mode, whose statistics come from
the frames before, and with the veto, which learns from them), so that it does not matter which worker gets it. Results merge in the
worker before they travel. Of a frame that is vetoed there is a row, and nothing else.

What has a shape that parameters decide (sums, powders, the peakogram) is returned under a name made of these parameters, its layout: after
a change the frames before and after it are never summed into one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from beamloom import Bins, Event, Histogram, Latest, Parameter, ParameterSet, Sum, Table
from beamloom.apps.crystallography.analysis import parameters as described
from beamloom.apps.crystallography.analysis import pump_probe
from beamloom.apps.crystallography.analysis.chunks import chunk_of
from beamloom.apps.crystallography.analysis.frames import Frame, Streams, as_slab
from beamloom.apps.crystallography.analysis.hit_frames import HitFrames
from beamloom.apps.crystallography.analysis.hits import estimated_resolution, saturated_peaks
from beamloom.apps.crystallography.analysis.inputs import Given
from beamloom.apps.crystallography.analysis.instrument import Instrument
from beamloom.apps.crystallography.analysis.last_hits import Hit, LastHits
from beamloom.apps.crystallography.analysis.peak_lists import PeakLists
from beamloom.apps.crystallography.analysis.powders import PeakPowder, summable
from beamloom.apps.crystallography.analysis.setup import Setup, Setups
from beamloom.apps.crystallography.analysis.vetoing import Judged, Vetoing
from beamloom.apps.crystallography.geometry import masks
from beamloom.apps.crystallography.peaks.found import Peaks
from beamloom.apps.crystallography.streaming import FrameInfo

Array = np.ndarray[Any, np.dtype[Any]]


class Worker:
    """Serial crystallography, of any device that sends images."""

    combine = True

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        """Everything that can be set; see ``parameters.py``."""
        return described.of_workers()

    def __init__(self, parameters: ParameterSet | None = None, context: dict[Any, Any] | None = None) -> None:
        self._streams = Streams()
        self._setups = Setups.of_run(parameters, context)
        self._vetoing = Vetoing()

    def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, Any] | None:
        """What the frame of ``event`` adds to the results; None for an event without a frame.

        Raises UserError where frame and parameters do not fit together.
        """
        frame = self._streams.frame(event, str(parameters["detector_stream"].value))
        if frame is None:
            return None
        setup = self._setups.of(parameters)
        number = event.event_number
        judged = self._vetoing.judge(number, frame, setup.instrument.slab.shape, parameters)
        if judged is Judged.VETOED:
            return {
                "events": _row(
                    number, frame, pump_probe.laser(event, parameters), judged, {"hit": np.int8(0)}
                )
            }
        raw = as_slab(frame.image, setup.instrument.slab, int(parameters["detector_channel"]))
        slab = setup.calibration(raw)
        if setup.instrument.has_flags:
            flags = masks.flagged(setup.instrument.geometry, raw)
            slab = np.where(flags, np.float32(np.nan), slab.astype(np.float32))
        peaks = setup.finder.find(slab)
        found = _found(peaks, raw, setup)
        self._vetoing.learn(judged, bool(found["hit"]), parameters)
        laser = pump_probe.laser(event, parameters)
        row = _row(number, frame, laser, judged, found)
        return {
            "events": row,
            **_results(number, frame, raw, slab, peaks, setup, parameters, bool(found["hit"]), laser),
        }

    def close(self) -> None:
        """End the threads of the peak search, as the process ends."""
        self._setups.close()


def _found(peaks: Peaks, raw: Array, setup: Setup) -> dict[str, Any]:
    """The columns of the table that the peaks of a frame give."""
    seen = setup.instrument
    resolution = estimated_resolution(seen.resolutions(peaks.fs, peaks.ss)) if len(peaks.fs) else math.nan
    saturated = saturated_peaks(raw, peaks, seen, setup.criteria.saturation)
    return {
        "hit": np.int8(setup.criteria.met_by(len(peaks.fs), resolution, saturated)),
        "num_peaks": np.int32(len(peaks.fs)),
        "ave_intensity": peaks.intensity.mean() if len(peaks.fs) else math.nan,
        "resolution": resolution,
        "saturated_peaks": np.int32(saturated),
    }


def _row(number: int, frame: Frame, laser: int, judged: Judged, found: dict[str, Any]) -> Table:
    row = {
        **found,
        "laser": np.int8(laser),
        "veto": np.int8(judged),
        "timestamp": frame.timestamp,
        "event_id": frame.event_id,
    }
    return Table(
        units={"resolution": "Å", "ave_intensity": "adu", "timestamp": "s"},
        fill={"hit": -1, "num_peaks": -1, "saturated_peaks": -1, "laser": -1, "veto": -1},
    ).add(number, row)


def _results(
    number: int,
    frame: Frame,
    raw: Array,
    slab: Array,
    peaks: Peaks,
    setup: Setup,
    given: Given,
    is_hit: bool,
    laser: int,
) -> dict[str, Any]:
    results: dict[str, Any] = {
        "layouts": {setup.layout: _shaped(number, slab, peaks, setup, given, is_hit, laser)}
    }
    if is_hit:
        results["peaks"] = PeakLists().add(number, peaks)
        if str(given["responding_url"].value) or bool(given["write_hits"]):
            results |= _whole(number, frame, raw, slab, peaks, setup, given, laser)
    return results


def _whole(
    number: int, frame: Frame, raw: Array, slab: Array, peaks: Peaks, setup: Setup, given: Given, laser: int
) -> dict[str, HitFrames]:
    """The hit with its pixels, as it is indexed elsewhere: calibrated, and binned with its peaks."""
    along, down = _in_bins(peaks, setup)
    there = peaks._replace(fs=along, ss=down)
    info = FrameInfo(
        event_id=frame.event_id,
        timestamp=frame.timestamp,
        beam_energy=setup.instrument.beam_energy,
        detector_distance=setup.instrument.distance * 1000,
        source=str(given["detector_stream"].value),
        optical_laser_active=bool(laser) if laser >= 0 else None,
    )
    image = setup.binning.image(slab)
    found = {}
    if str(given["responding_url"].value):
        found["streamed"] = HitFrames().add(number, image, there, info)
    if bool(given["write_hits"]):
        chunk = chunk_of(frame, raw, image, int(given["detector_channel"]))
        found["stored"] = HitFrames().add(number, chunk.octets, there, info, chunk.kind)
    return found


def _in_bins(peaks: Peaks, setup: Setup) -> tuple[Array, Array]:
    if setup.binning.size == 1:
        return peaks.fs, peaks.ss
    owner = setup.instrument.panel_of(peaks.fs, peaks.ss)
    return setup.binning.positions(peaks.fs, peaks.ss, owner)


def _shaped(
    number: int, slab: Array, peaks: Peaks, setup: Setup, given: Given, is_hit: bool, laser: int
) -> dict[str, Any]:
    """What has a shape that follows from the parameters."""
    along, down = _in_bins(peaks, setup)
    sums: dict[str, Any] = {
        "peaks": PeakPowder(setup.binning.shape).add(number, along, down, peaks.intensity)
    }
    every = int(given["class_sums_interval"])
    summed = bool(every) and number % every == 0
    shown_every = int(given["hit_frame_sending_interval" if is_hit else "non_hit_frame_sending_interval"])
    shown = bool(shown_every) and number % shown_every == 0
    image = setup.binning.image(slab) if summed or shown else slab
    if summed:
        sums["frames"] = Sum(units="adu", label="sum of frames").add(number, summable(image))
    shaped: dict[str, Any] = {"classes": {pump_probe.class_of(is_hit, laser): sums}}
    if len(peaks.fs):
        shaped["peakogram"] = _peakogram(number, peaks, setup.instrument, given)
    if shown:
        shaped["last_hit" if is_hit else "last_non_hit"] = {
            "frame": Latest(units="adu").add(number, image),
            "peaks": Latest().add(number, np.column_stack([along, down, peaks.intensity, peaks.snr])),
        }
    if shown and is_hit:
        hit = Hit(number, setup.thumbnails.image(image), along, down)
        shaped["last_hits"] = LastHits(int(given["last_hits_shown"])).add(hit)
    return shaped


def _peakogram(number: int, peaks: Peaks, seen: Instrument, given: Given) -> Histogram:
    x, y = seen.places(peaks.fs, peaks.ss)
    return Histogram(
        Bins(
            width=float(given["peakogram_radius_bin_size"]),
            units="pixel",
            label="distance from the beam",
        ),
        Bins(
            width=float(given["peakogram_intensity_bin_size"]),
            units="adu",
            label="brightest pixel of the peak",
        ),
        label="peakogram",
    ).add(number, np.hypot(x, y), peaks.max_pixel_intensity)
