"""All that a worker needs to analyse a frame, made once for each set of parameters, of parts that are kept as long as they hold.

The parts outlive the run, so that the first frame of the next one does not wait for them: geometries of large detectors take seconds. Files
that were given by their path are looked at when a run begins, and read again where they have changed.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any, Final, Self

from beamloom import ParameterSet
from beamloom.apps.crystallography.analysis import calibration, instrument
from beamloom.apps.crystallography.analysis import parameters as described
from beamloom.apps.crystallography.analysis.binning import Binning
from beamloom.apps.crystallography.analysis.calibration import Calibration
from beamloom.apps.crystallography.analysis.hits import HitCriteria
from beamloom.apps.crystallography.analysis.inputs import Given, Part, Stamp, digest, names_of, stamp
from beamloom.apps.crystallography.analysis.instrument import Instrument
from beamloom.apps.crystallography.analysis.thumbnails import Thumbnails
from beamloom.apps.crystallography.peaks.finder import PeakFinder
from beamloom.apps.crystallography.peaks.settings import PeakSettings

BINNING = names_of(described.BINNING)
_OF_LAYOUT = (
    *instrument.NAMES,
    *calibration.NAMES,
    *BINNING,
    "detector_stream",
    "detector_channel",
    "peakogram_intensity_bin_size",
    "peakogram_radius_bin_size",
    "last_hits_shown",
    "reset",
)


_KEY: Final = "beamloom.apps.crystallography"
_FILES: Final = ("geometry_file", "bad_pixel_map_filename", "dark_filename", "gain_filename")


@dataclasses.dataclass(frozen=True)
class Setup:
    """All that a frame needs, for one set of parameters."""

    instrument: Instrument
    calibration: Calibration
    binning: Binning
    thumbnails: Thumbnails
    finder: PeakFinder
    criteria: HitCriteria
    layout: str


class Setups:
    """Makes the setup for a set of parameters."""

    def __init__(self, stamp: Stamp = ()) -> None:
        self._stamp = stamp
        self._instrument = Part(instrument.NAMES, Instrument)
        self._calibration = Part(calibration.NAMES, Calibration)
        self._binning = Part(BINNING, _binning)
        self._thumbnails = Part((), _thumbnails)
        self._finder = Part(("peakfinding_mode",), _finder)
        self._latest: tuple[str, Setup] | None = None

    @classmethod
    def of_run(cls, parameters: Given | None, context: dict[Any, Any] | None) -> Self:
        """Those that ``context`` has of former runs, if the files that they were made of are as they were; else new ones."""
        now = () if parameters is None else stamp(str(parameters[name].value) for name in _FILES)
        kept: Self | None = None if context is None else context.get(_KEY)
        if kept is None or kept._stamp != now or not kept._masks_hold():
            kept = cls(now)
            if context is not None:
                context[_KEY] = kept
        elif kept._latest is not None:
            kept._latest[1].finder.forget()
        return kept

    def of(self, given: ParameterSet) -> Setup:
        """The setup for these parameters. Raises UserError where they do not go together."""
        if self._latest is not None and self._latest[0] == given.hash:
            return self._latest[1]
        seen = self._instrument.of(given)
        finder = self._finder.of(given, seen)
        finder.settings = _peak_settings(given, seen)
        binning = self._binning.of(given, seen)
        setup = Setup(
            seen,
            self._calibration.of(given, seen),
            binning,
            self._thumbnails.of(given, binning),
            finder,
            HitCriteria.of(given),
            layout_of(given),
        )
        self._latest = given.hash, setup
        return setup

    def close(self) -> None:
        """End the threads of the peak search."""
        if self._latest is not None:
            self._latest[1].finder.close()

    def _masks_hold(self) -> bool:
        masks = () if self._latest is None else self._latest[1].instrument.mask_files
        return stamp(path for path, _, _ in masks) == tuple(masks)


def layout_of(given: Given) -> str:
    """The name of the layout: the same for all parameters with which frames may be summed into one."""
    return hashlib.sha256(digest(given, _OF_LAYOUT)).hexdigest()[:16]


def _binning(given: Given, seen: Instrument) -> Binning:
    return Binning(seen.slab.panels, seen.good, int(given["bin_size"]), int(given["min_good_pix_count"]))


def _thumbnails(given: Given, binning: Binning) -> Thumbnails:
    return Thumbnails(binning)


def _finder(given: Given, seen: Instrument) -> PeakFinder:
    return PeakFinder(
        seen.maps.radius,
        mask=seen.searched,
        panels=seen.slab.panels,
        settings=_peak_settings(given, seen),
        mode=given["peakfinding_mode"].value,
    )


def _peak_settings(given: Given, seen: Instrument) -> PeakSettings:
    return PeakSettings(
        adc_threshold=float(given["adc_threshold"]),
        minimum_snr=float(given["minimum_snr"]),
        min_pixel_count=int(given["min_pixel_count"]),
        max_pixel_count=int(given["max_pixel_count"]),
        local_bg_radius=int(given["local_bg_radius"]),
        max_num_peaks=int(given["max_num_peaks"]),
        adu_per_photon=float(given["adu_per_photon"]) or seen.adu_per_photon,
    )
