"""The veto in the analysis: which frames are not even unpacked, which of these are searched to see what that costs, and what they tell.

A worker learns by itself what the compressed blocks of blank frames and of hits measure, and begins anew with each run, and with each
change of what finds peaks or makes a hit. So which frames are vetoed depends on which worker got them; which of them are audited follows
from the numbers of their events alone. What was decided stands in the row of each event, and what is told follows from these rows,
in whichever order they came.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from beamloom import ParameterSet
from beamloom.apps.crystallography.analysis.frames import Frame
from beamloom.apps.crystallography.analysis.inputs import Given, Part, names_of
from beamloom.apps.crystallography.analysis.parameters import CALIBRATION, GEOMETRY, HITS, SEARCH, VETO
from beamloom.apps.crystallography.peaks.recall import recall_of
from beamloom.apps.crystallography.peaks.settings import PeakSettingsError
from beamloom.apps.crystallography.peaks.veto import LengthVeto, Verdict

Array = np.ndarray[Any, np.dtype[Any]]
_WHOLE: Final = 1 << 64


class Judged(enum.IntEnum):
    """What the veto said of a frame, as it stands in the column ``veto`` of the events."""

    NOT = -1
    """Nothing: it is off, or the frame is not compressed by bitshuffle and LZ4."""
    LEARNED = 0
    """The frame was searched, as too little was known to veto any."""
    PASSED = 1
    """It may be a hit, and was searched."""
    AUDITED = 2
    """It would have been vetoed, and was searched to see whether that would have been right."""
    VETOED = 3
    """It was not searched."""


_OF_VERDICTS: Final = {
    Verdict.SEARCH: Judged.PASSED,
    Verdict.AUDIT: Judged.AUDITED,
    Verdict.VETO: Judged.VETOED,
}


class Vetoing:
    """The veto of one worker in one run: for each frame ``judge`` and, if it was searched, ``learn``."""

    def __init__(self) -> None:
        self._veto = Part(names_of((*GEOMETRY, *SEARCH, *HITS, *CALIBRATION, *VETO)), _veto)
        self._latest: tuple[str, LengthVeto] | None = None

    def judge(self, number: int, frame: Frame, shape: tuple[int, ...], given: ParameterSet) -> Judged:
        """What is to become of the frame of event ``number``; ``shape`` is that of the slab."""
        if not bool(given["veto"]):
            return Judged.NOT
        blob = _blob(frame, shape, int(given["detector_channel"]))
        veto = self._of(given)
        knows = veto.limit > -math.inf
        try:
            verdict = None if blob is None else veto.look(blob, draw=draw_of(number))
        except PeakSettingsError:
            # Who unpacks it says what is wrong with it.
            verdict = None
        if verdict is None:
            return Judged.NOT
        return _OF_VERDICTS[verdict] if knows else Judged.LEARNED

    def learn(self, judged: Judged, is_hit: bool, given: ParameterSet) -> None:
        """Whether the frame that was judged last was a hit."""
        if judged is not Judged.NOT:
            self._of(given).learn(is_hit)

    def _of(self, given: ParameterSet) -> LengthVeto:
        if self._latest is None or self._latest[0] != given.hash:
            self._latest = given.hash, self._veto.of(given)
        return self._latest[1]


def told(columns: Mapping[str, Array], given: Given) -> dict[str, Any] | None:
    """What is published of the veto, from the rows of all events; None where it never was on."""
    judged, hit = np.asarray(columns["veto"]), np.asarray(columns["hit"])
    if not bool(given["veto"]) and not (judged >= 0).any():
        return None
    audited = judged == Judged.AUDITED
    vetoed = int((judged == Judged.VETOED).sum())
    recall = recall_of(
        hits=int((hit[judged == Judged.PASSED] == 1).sum()),
        audited=int(audited.sum()),
        missed=int((hit[audited] == 1).sum()),
        vetoed=vetoed,
    )
    found: dict[str, Any] = {
        "vetoed": vetoed,
        "audited": recall.audited,
        "audited_hits": recall.missed,
        "passed_hits": recall.hits,
        "frames_to_learn": int((judged == Judged.LEARNED).sum()),
        "recall": 100 * recall.estimate,
        "recall_low": 100 * recall.low,
        "recall_high": 100 * recall.high,
    }
    found |= {f"{name}_attrs": {"units": "%"} for name in ("recall", "recall_low", "recall_high")}
    if (hit >= 0).any() and not (judged >= 0).any():
        found["problem"] = (
            "frames are not compressed with bitshuffle and LZ4, so none is vetoed; let the detector send bslz4, or turn veto off"
        )
    return found


def draw_of(number: int) -> float:
    """As if drawn evenly from [0, 1), always the same for an event: SplitMix64 (Steele, Lea, Flood 2014)."""
    mixed = (number + 1) * 0x9E3779B97F4A7C15 % _WHOLE
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 % _WHOLE
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB % _WHOLE
    return (mixed ^ mixed >> 31) / _WHOLE


def _veto(given: Given) -> LengthVeto:
    return LengthVeto(
        wanted_recall=float(given["veto_wanted_recall"]), audited_share=float(given["veto_audited_share"])
    )


def _blob(frame: Frame, shape: tuple[int, ...], channel: int) -> Any:
    """The compressed bytes of the frame; None where they are not in one piece, or compressed in another way."""
    images = list(getattr(frame.parsed, "packed", ()))
    if len(images) > 1:
        images = images[channel : channel + 1] if all(image.shape == shape for image in images) else []
    return images[0].blob if images and images[0].compression == "bslz4" else None
