"""The search for Bragg peaks: peakfinder8, in three modes, and a veto that needs no pixels."""

from beamloom.apps.crystallography.peaks.find_peaks import find_peaks
from beamloom.apps.crystallography.peaks.finder import PeakFinder
from beamloom.apps.crystallography.peaks.found import Peaks
from beamloom.apps.crystallography.peaks.recall import Recall
from beamloom.apps.crystallography.peaks.settings import Mode, PeakSettings, PeakSettingsError
from beamloom.apps.crystallography.peaks.veto import LengthVeto, Verdict

__all__ = [
    "LengthVeto",
    "Mode",
    "PeakFinder",
    "PeakSettings",
    "PeakSettingsError",
    "Peaks",
    "Recall",
    "Verdict",
    "find_peaks",
]
