"""The table of a series does not depend on how it was cut into chunks, or on which came first."""

from __future__ import annotations

import re

import numpy as np
import pytest

from beamloom.apps.localization import Camera, Settings, Simulation, good, halo, in_order, localize

SIMULATION = Simulation(seed=8, frames=70, molecules=300, shape=(90, 110))


@pytest.mark.parametrize("background", [0, 7])
@pytest.mark.parametrize("size", [1, 13, 50])
def test_chunks_with_their_halo_make_the_table_of_the_whole(background: int, size: int) -> None:
    settings, stack = SIMULATION.settings(background=background), SIMULATION.stack()
    whole = localize(stack, settings)
    assert len(whole) > 200
    tables = []
    for first in range(0, len(stack), size):
        stop = min(first + size, len(stack))
        begin, end = max(0, first - halo(settings)), min(len(stack), stop + halo(settings))
        tables.append(
            localize(stack[begin:end], settings, first_frame=begin, before=first - begin, after=end - stop)
        )
    shuffled = [tables[index] for index in np.random.default_rng(0).permutation(len(tables))]
    assert np.array_equal(in_order(shuffled), whole)


def test_frames_of_any_numbers_give_the_same() -> None:
    stack, settings = SIMULATION.stack(0, 5), SIMULATION.settings()
    whole = localize(stack, settings)
    for kind in (np.int32, np.uint32, np.float64, ">u2"):
        assert np.array_equal(localize(stack.astype(kind), settings), whole)
    assert np.array_equal(localize(np.asfortranarray(stack), settings), whole)


def test_good_rows_are_chosen_by_bound_and_fit() -> None:
    table = localize(SIMULATION.stack(0, 40), SIMULATION.settings())
    kept = good(table, precision=8, misfit=1.5)
    assert 0 < len(kept) < len(table)
    assert (kept["crlb_x"] <= 8).all()
    assert (kept["status"] == 0).all()
    assert len(good(table[:0])) == 0


def test_a_series_without_light_gives_an_empty_table() -> None:
    assert len(localize(np.full((3, 40, 40), 100, np.uint16))) == 0
    assert len(localize(np.empty((0, 40, 40), np.uint16))) == 0


@pytest.mark.parametrize(
    ("frames", "sentence"),
    [
        (np.zeros((40, 40), np.uint16), "give (frames, rows, columns)"),
        (np.zeros((1, 8, 40), np.uint16), "spots are fitted in 9 x 9"),
        (np.full((1, 40, 40), np.nan), "NaN or infinite"),
        (np.zeros((1, 40, 40), complex), "give numbers"),
    ],
)
def test_frames_that_cannot_be_fitted_are_refused(frames: np.ndarray, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        localize(frames)


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="set psf_sigma and pixel_size right"):
        Settings(psf_sigma=30)
    with pytest.raises(ValueError, match="give a z-score above 0"):
        Settings(threshold=0)
    with pytest.raises(ValueError, match="0 for three times psf_sigma"):
        Settings(half_size=1)
    with pytest.raises(ValueError, match="electrons_per_count is 0"):
        Camera(electrons_per_count=0)
    with pytest.raises(ValueError, match="of 3 frames 2 to 1 are to be searched"):
        localize(np.zeros((3, 40, 40)), before=2, after=2)
