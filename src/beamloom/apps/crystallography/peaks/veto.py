"""A veto before decompression: frames whose compressed blocks are no longer than those of blank frames are put aside unread.

Bitshuffle and LZ4 compress a frame in blocks of 8 kB, each with its length before it; a Bragg peak makes its block longer. The veto
learns from frames that were searched what the blocks of frames without a hit measure (mean and spread of each block, forgetting the
oldest), and scores a frame by how far its blocks lie above that, each by itself, added up over those that stand out. It vetoes below a
limit: the highest of which the hits that are known say, with 95 % of confidence, that the wanted share of hits is above it. For 99 %
that takes some 400 hits; before, nothing is vetoed.

Who vetoes is blind where he vetoes, so a random share of the vetoed frames is searched all the same (``audited``). A hit among
them stands for as many as were not looked at; from that follow the recall that is told and, in time, the limit itself.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import random
from collections import deque
from typing import Any, Final

import numpy as np

from beamloom.apps.crystallography.peaks.compiled import compiled
from beamloom.apps.crystallography.peaks.recall import Recall, recall_of, wilson
from beamloom.apps.crystallography.peaks.settings import PeakSettingsError

Array = np.ndarray[Any, np.dtype[Any]]

HEADER: Final = 12
"""Bytes before the first block: unpacked bytes of all and of a block."""
STANDS_OUT: Final = 3.0
"""Sigma by which a block is longer than those of blank frames before it counts."""
LEAST_SPREAD: Final = 2.0
"""Bytes; the spread of a block is taken to be this at least."""
MEMORY: Final = 500.0
"""Blank frames that the means are over, in effect."""


class Verdict(enum.Enum):
    """What is to become of a frame."""

    SEARCH = "search"
    """It may be a hit."""
    VETO = "veto"
    """It is left out."""
    AUDIT = "audit"
    """It would have been left out, and is searched to see whether that would have been right."""


@dataclasses.dataclass(frozen=True)
class _Look:
    lengths: Array
    score: float
    verdict: Verdict


@compiled
def _walk(octets: Array, begin: int, lengths: Array) -> int:
    """The lengths of the blocks that begin at ``begin``, until ``lengths`` is full or the blob ends; how many there are."""
    place = np.int64(begin)
    count = 0
    while count < lengths.size and place + 4 <= octets.size:
        length = (
            (np.int64(octets[place]) << 24)
            | (np.int64(octets[place + 1]) << 16)
            | (np.int64(octets[place + 2]) << 8)
            | np.int64(octets[place + 3])
        )
        place += 4 + length
        if place > octets.size:
            break
        lengths[count] = length
        count += 1
    return count


def block_lengths(blob: Any) -> Array:
    """The compressed bytes of each block of ``blob``, bitshuffle and LZ4 as in HDF5's filter 32008; nothing is unpacked.

    Raises PeakSettingsError for what is not of this form, or not whole.
    """
    octets = np.frombuffer(blob, np.uint8)
    octets.flags.writeable = False
    if octets.size < HEADER:
        raise PeakSettingsError(
            f"a blob of {octets.size} bytes is no chunk of bitshuffle and LZ4; do not veto such frames"
        )
    size = int.from_bytes(octets[:8].tobytes(), "big")
    block = int.from_bytes(octets[8:12].tobytes(), "big")
    count = -(-size // block) if block else 0
    if not 0 < count <= octets.size:
        raise PeakSettingsError(
            f"a blob of {octets.size} bytes says that it has blocks of {block} bytes for {size}; "
            "it is no chunk of bitshuffle and LZ4"
        )
    lengths = np.empty(count, np.int64)
    found = _walk(octets, HEADER, lengths)
    # A last block of less than eight pixels is stored without a length.
    if found < count - 1:
        raise PeakSettingsError(f"the blob of {octets.size} bytes breaks off after {found} of {count} blocks")
    return lengths[:found]


class LengthVeto:
    """Learns from searched frames which frames need no search; see the module.

    For each frame ``look`` and, unless it says ``VETO``, afterwards ``learn``::

        verdict = veto.look(blob)
        if verdict is not Verdict.VETO:
            hit = len(finder.find(unpacked(blob)).fs) > 10
            veto.learn(hit)
    """

    def __init__(
        self,
        *,
        wanted_recall: float = 0.99,
        audited_share: float = 0.05,
        blanks_to_learn: int = 50,
        seed: int = 0,
    ) -> None:
        """Which share of the hits is to be kept, and which share of the vetoed frames searched all the same; both in (0, 1].

        Nothing is vetoed before ``blanks_to_learn`` frames without a hit were seen, and then enough hits.
        """
        for name, share in (("wanted_recall", wanted_recall), ("audited_share", audited_share)):
            if not 0 < share <= 1:
                raise PeakSettingsError(f"{name} is {share}; give a share above 0 and up to 1")
        self._wanted = wanted_recall
        self._audited_share = audited_share
        self._blanks_to_learn = blanks_to_learn
        self._random = random.Random(seed)
        self._blanks = 0
        self._mean: Array | None = None
        self._variance: Array | None = None
        self._scores: deque[tuple[float, float]] = deque(maxlen=2000)
        """Of the hits that are known: the score, and how many hits each stands for."""
        self._limit = -math.inf
        self._pending: _Look | None = None
        self._passed = 0
        self._audited = 0
        self._missed = 0
        self.vetoed = 0
        """Frames that were left out."""

    @property
    def limit(self) -> float:
        """The score below which frames are vetoed; -inf as long as none are."""
        return self._limit

    def _highest_limit(self) -> float:
        scores, weights = np.array(sorted(self._scores)).T
        # Kish's effective number of hits: those that stand for many are known with less certainty.
        effective = weights.sum() ** 2 / np.square(weights).sum()
        below = (np.cumsum(weights) - weights) / weights.sum()
        highest = -math.inf
        for score, share in zip(scores.tolist(), below.tolist(), strict=True):
            if wilson(share * effective, effective)[2] > 1 - self._wanted:
                break
            highest = score
        return highest

    def look(self, blob: Any, *, draw: float | None = None) -> Verdict:
        """What is to become of the frame that is compressed in ``blob``. Raises PeakSettingsError for another compression.

        ``draw``, evenly from [0, 1), chooses the audited frames, as those below the share; None: drawn here.
        """
        lengths = block_lengths(blob)
        score = self._score(lengths)
        verdict = Verdict.SEARCH
        if score < self._limit:
            drawn = self._random.random() if draw is None else draw
            verdict = Verdict.AUDIT if drawn < self._audited_share else Verdict.VETO
        self._pending = _Look(lengths, score, verdict)
        self.vetoed += verdict is Verdict.VETO
        return verdict

    def learn(self, is_hit: bool) -> None:
        """Whether the frame of the last ``look`` was a hit."""
        look, self._pending = self._pending, None
        if look is None or look.verdict is Verdict.VETO:
            raise PeakSettingsError(
                "the last frame was not looked at, or was vetoed; call learn after such a look only"
            )
        if look.verdict is Verdict.AUDIT:
            self._audited += 1
            self._missed += is_hit
        elif is_hit and self._limit > -math.inf:
            self._passed += 1
        if not is_hit:
            self._learn_blank(look.lengths)
        elif self._blanks >= self._blanks_to_learn:
            self._scores.append(
                (look.score, 1 / self._audited_share if look.verdict is Verdict.AUDIT else 1.0)
            )
            self._limit = self._highest_limit()

    def recall(self) -> Recall:
        """The share of the hits that were found since the veto began, with its interval of 95 %; see ``recall_of``."""
        return recall_of(hits=self._passed, audited=self._audited, missed=self._missed, vetoed=self.vetoed)

    def _score(self, lengths: Array) -> float:
        if self._mean is None or self._variance is None or self._mean.shape != lengths.shape:
            return math.inf
        spread = np.maximum(np.sqrt(self._variance), LEAST_SPREAD)
        above = (lengths - self._mean) / spread - STANDS_OUT
        return float(above[above > 0].sum())

    def _learn_blank(self, lengths: Array) -> None:
        if self._mean is None or self._variance is None or self._mean.shape != lengths.shape:
            self._mean = lengths.astype(np.float64)
            self._variance = np.zeros(lengths.shape, np.float64)
            self._blanks = 1
            self._scores.clear()
            self._limit = -math.inf
            return
        self._blanks += 1
        share = max(1 / self._blanks, 1 / MEMORY)
        apart = lengths - self._mean
        self._mean += share * apart
        self._variance += share * ((1 - share) * apart * apart - self._variance)
