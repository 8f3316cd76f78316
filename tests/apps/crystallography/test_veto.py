"""The veto by compressed lengths leaves most blank frames unread, keeps the hits that it is asked to keep, and knows how many it lost."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from beamloom.apps.crystallography.peaks import LengthVeto, PeakSettingsError, Verdict
from beamloom.apps.crystallography.peaks.veto import block_lengths
from beamloom.devices.codecs import pack

Array = np.ndarray[Any, np.dtype[Any]]
SHAPE = (256, 512)


def frame(random: np.random.Generator, peaks: int) -> bytes:
    mean = np.full(SHAPE, 0.02)
    for _ in range(peaks):
        row, column = random.integers(0, SHAPE[0] - 3), random.integers(0, SHAPE[1] - 3)
        mean[row : row + 3, column : column + 3] += random.exponential(20)
    return pack(random.poisson(mean).astype(np.uint16), "bslz4")


def test_lengths_are_read_without_unpacking() -> None:
    pixels = np.random.default_rng(1).integers(0, 9, 10_003).astype(np.uint16)
    blob = pack(pixels, "bslz4")
    lengths = block_lengths(blob)
    # Two blocks of 4096 pixels, one of 1808, and three pixels that are stored as they are.
    assert len(lengths) == 3
    assert 12 + int(lengths.sum()) + 4 * 3 + 2 * 3 == len(blob)


@pytest.mark.parametrize(
    ("blob", "said"),
    [
        (b"short", "is no chunk"),
        (bytes(40), "is no chunk"),
        (struct.pack(">QI", 1 << 40, 8192) + bytes(100), "is no chunk"),
        (pack(np.ones((64, 1024), np.uint16), "bslz4")[:-300], "breaks off"),
    ],
)
def test_what_is_no_chunk_of_bitshuffle_is_refused(blob: bytes, said: str) -> None:
    with pytest.raises(PeakSettingsError, match=said):
        LengthVeto().look(blob)


def test_nothing_is_vetoed_before_enough_is_known() -> None:
    random = np.random.default_rng(2)
    veto = LengthVeto(wanted_recall=0.9, blanks_to_learn=20)
    for number in range(30):
        assert veto.look(frame(random, 0)) is Verdict.SEARCH
        veto.learn(False)
        if number < 30:
            assert veto.look(frame(random, 20)) is Verdict.SEARCH
            veto.learn(True)
    assert veto.vetoed == 0
    assert veto.recall().estimate == 1


def test_blank_frames_are_vetoed_and_hits_are_kept() -> None:
    random = np.random.default_rng(3)
    veto = LengthVeto(wanted_recall=0.9, blanks_to_learn=30, audited_share=0.1)
    lost = hits = vetoed = blanks = 0
    for number in range(700):
        is_hit = bool(random.random() < 0.4)
        verdict = veto.look(frame(random, 15 if is_hit else 0))
        if verdict is not Verdict.VETO:
            veto.learn(is_hit)
        if number >= 300:
            hits += is_hit
            lost += is_hit and verdict is Verdict.VETO
            blanks += not is_hit
            vetoed += not is_hit and verdict is Verdict.VETO
    assert lost <= 0.1 * hits
    assert vetoed > 0.7 * blanks
    recall = veto.recall()
    assert recall.low <= 1 - lost / hits <= 1
    assert recall.estimate > 0.9


def test_the_recall_that_is_told_is_that_which_is() -> None:
    """Hits of which the veto cannot tell half from blank frames: what it says of itself is near to the truth."""
    random = np.random.default_rng(4)
    veto = LengthVeto(wanted_recall=0.4, blanks_to_learn=30, audited_share=0.2, seed=5)
    blank = [frame(random, 0) for _ in range(60)]
    strong = [frame(random, 15) for _ in range(20)]
    found = lost = 0
    for _ in range(6000):
        is_hit = bool(random.random() < 0.4)
        looks_blank = not is_hit or bool(random.random() < 0.5)
        blob = (blank if looks_blank else strong)[int(random.integers(0, 20))]
        before = veto.limit
        verdict = veto.look(blob)
        if verdict is not Verdict.VETO:
            veto.learn(is_hit)
        if before > -np.inf and is_hit:
            found += verdict is not Verdict.VETO
            lost += verdict is Verdict.VETO
    recall = veto.recall()
    assert lost > 50
    assert recall.low <= found / (found + lost) <= recall.high
    assert recall.high - recall.low < 0.15


def test_without_audits_every_vetoed_frame_may_have_been_a_hit() -> None:
    random = np.random.default_rng(6)
    veto = LengthVeto(wanted_recall=0.3, blanks_to_learn=10, audited_share=1e-9)
    for _ in range(10):
        veto.look(frame(random, 0))
        veto.learn(False)
    for _ in range(15):
        if veto.look(frame(random, 40)) is not Verdict.VETO:
            veto.learn(True)
    for _ in range(20):
        assert veto.look(frame(random, 0)) is Verdict.VETO
    recall = veto.recall()
    assert recall.high == 1
    assert recall.low == recall.hits / (recall.hits + veto.vetoed) < 0.5


def test_learning_from_a_frame_that_was_not_searched_is_refused() -> None:
    with pytest.raises(PeakSettingsError, match="call learn after such a look"):
        LengthVeto().learn(True)
    with pytest.raises(PeakSettingsError, match="wanted_recall is 0"):
        LengthVeto(wanted_recall=0)
