"""The sample of the demo, its analysis, and the check of one against the other."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest

from beamloom import Event, Result
from beamloom.demo.analysis import LINES, Reducer, Worker
from beamloom.demo.check import agreement, expected_maps, measured_maps, rois
from beamloom.demo.live import Moment
from beamloom.demo.pictures import LETTERS, PALETTES, Style
from beamloom.demo.report import Outcome, ledger_sentence, report, verdict
from beamloom.demo.sample import DETECTOR_ELEMENTS, Picture, Sample
from beamloom.demo.screen import LineScreen, TerminalScreen, screen_on
from beamloom.devices import contrast, xspress3
from beamloom.events import Packet
from beamloom.parameters import Parameters

SMALL = Sample(columns=10, rows=8)
PLAIN = Style(colours=False)


def analysed(sample: Sample) -> dict[tuple[float, float], dict[str, int]]:
    """What the demo's analysis publishes of a sample, without any pipeline."""
    worker, reducer = Worker(), Reducer()
    parameters = Parameters().describe(Worker.describe_parameters())
    scan = contrast.generate(positions=sample.positions(), motors=("y", "x"))
    spectra = xspress3.generate(spectra=sample.spectra())
    for number, (point, spectrum) in enumerate(zip(scan, spectra, strict=True)):
        streams = {"contrast": Packet("contrast", list(point)), "xspress3": Packet("xspress", list(spectrum))}
        payload = worker.process_event(Event(number, streams), parameters)
        reducer.process_result(Result(number, "worker", "", payload))
    published: dict[tuple[float, float], dict[str, int]] = reducer.publish["map"]
    return published


def moment(sample: Sample, maps: dict[str, Picture], *, lost: int = 0) -> Moment:
    """A finished run over the sample."""
    total = sample.points + 2
    return Moment(total=total, reduced=total - lost, failed=0, lost=lost, finished=True, rate=0.0, maps=maps)


def test_the_analysis_finds_in_the_spectra_what_the_sample_has() -> None:
    maps = measured_maps(SMALL, analysed(SMALL))
    outcome = Outcome(moment(SMALL, maps), expected_maps(SMALL))
    assert [one.missing for one in outcome.agreements] == [0, 0, 0]
    assert outcome.passed, [*outcome.agreements]


def test_the_noise_of_the_spectra_is_that_of_counting() -> None:
    sample = Sample()
    first, stop = rois()["Fe"]
    measured = np.array([spectrum[:, first:stop].sum() for spectrum in sample.spectra()]).reshape(28, 25)
    expected = sample.expected_counts(first, stop)
    assert np.mean((measured - expected) ** 2 / expected) == pytest.approx(1, abs=0.15)


def test_the_same_seed_gives_the_same_counts_and_another_one_others() -> None:
    def counted(seed: int) -> int:
        spectrum = next(Sample(seed=seed).spectra())
        assert spectrum.shape == (DETECTOR_ELEMENTS, 4096)
        return int((spectrum * np.arange(4096)).sum())

    assert counted(1) == counted(1) != counted(2)


def test_every_element_is_somewhere_and_not_everywhere() -> None:
    for picture in Sample().pictures().values():
        assert picture.shape == (28, 25)
        assert 0 == picture.min() < 0.3 < picture.max() <= 1


def test_the_positions_lead_back_to_their_places() -> None:
    places = [SMALL.place_of(x, y) for y, x in SMALL.positions()]
    assert places == [(row, column) for row in range(8) for column in range(10)]


def test_the_regions_of_interest_are_the_defaults_of_the_analysis() -> None:
    parameters = Parameters().describe(Worker.describe_parameters())
    for element, (first, stop) in rois().items():
        assert parameters[element].value == LINES[element] == (first + stop - 1) / 2
        assert stop - first == 2 * parameters["half_width"].value + 1


WRONG: dict[str, Callable[[Picture], Picture]] = {
    "mirrored": lambda truth: truth[:, ::-1],
    "shifted by one point": lambda truth: np.roll(truth, 1, axis=0),
    "brighter by half": lambda truth: truth * 1.5,
}


@pytest.mark.parametrize("how", WRONG)
def test_another_truth_fails_the_check(how: str) -> None:
    maps = measured_maps(SMALL, analysed(SMALL))
    truth = {element: WRONG[how](picture) for element, picture in expected_maps(SMALL).items()}
    outcome = Outcome(moment(SMALL, maps), truth)
    assert not outcome.passed
    assert verdict(outcome).startswith("The check failed: ")
    assert "by more than the noise of counting" in verdict(outcome)


def test_one_point_in_a_wrong_place_fails_the_check() -> None:
    points = analysed(SMALL)
    bright, dark = max(points, key=lambda at: points[at]["Au"]), min(points, key=lambda at: points[at]["Au"])
    points[bright], points[dark] = points[dark], points[bright]
    assert not agreement("Au", measured_maps(SMALL, points)["Au"], expected_maps(SMALL)["Au"]).good


def test_a_missing_point_fails_the_check_and_is_drawn_as_missing() -> None:
    points = analysed(SMALL)
    for y in (0.0, 0.5):
        del points[0.0, y]
    outcome = Outcome(moment(SMALL, measured_maps(SMALL, points)), expected_maps(SMALL))
    assert not outcome.passed
    text = report(outcome, PLAIN)
    assert "2 points missing" in text
    assert "The check failed: points are missing from the maps." in text
    assert text.splitlines()[2].count("?") == 3


def test_a_lost_event_fails_the_check_even_when_all_maps_are_right() -> None:
    outcome = Outcome(moment(SMALL, measured_maps(SMALL, analysed(SMALL)), lost=1), expected_maps(SMALL))
    assert not outcome.passed
    assert verdict(outcome) == "The check failed: not every event was reduced."
    assert ledger_sentence(outcome.moment) == "82 events: 81 reduced, 0 failed, 1 lost"


def test_where_nothing_was_measured_the_report_says_so() -> None:
    outcome = Outcome(moment(SMALL, measured_maps(SMALL, {}), lost=82), expected_maps(SMALL))
    assert not outcome.passed
    assert "Fe  none of its 80 points was measured" in report(outcome, PLAIN)


def test_two_rows_make_one_line_and_the_brighter_the_fuller() -> None:
    picture = np.array([[0.0, 0.25, 0.5], [0.0, 0.25, 1.0], [np.nan, 1.0, np.nan]])
    assert PLAIN.drawn(picture, 1.0, PALETTES["Fe"]) == [" ░▓", "?█?"]
    assert Style(False, LETTERS).drawn(picture, 1.0, PALETTES["Fe"]) == [" .+", "?#?"]


def test_colours_show_each_row_and_leave_open_what_is_not_known() -> None:
    drawn = Style(colours=True).drawn(np.array([[0.0, np.nan], [1.0, np.nan]]), 1.0, [10, 20])
    assert drawn == ["\x1b[38;5;10;48;5;20m▀\x1b[0m \x1b[0m"]


def test_a_report_fits_80_columns_or_puts_the_truth_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = Sample()
    truth = expected_maps(sample)
    outcome = Outcome(moment(sample, truth), truth)
    monkeypatch.setenv("COLUMNS", "80")
    narrow = report(outcome, PLAIN).splitlines()
    assert max(map(len, narrow)) <= 80
    monkeypatch.setenv("COLUMNS", "170")
    wide = report(outcome, PLAIN).splitlines()
    assert len(narrow) - len(wide) == 17
    assert wide[0].split()[::2] == ["Fe", "Cu", "Au"] * 2


def test_a_stream_without_blocks_gets_letters_and_a_file_gets_lines() -> None:
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    assert screen_on(ascii_only).style == Style(colours=False, shades=LETTERS)
    anything = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    screen = screen_on(anything)
    assert isinstance(screen, LineScreen)
    assert screen.style == PLAIN


def test_a_terminal_draws_in_place_and_is_clean_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = expected_maps(SMALL)
    brightest = {element: float(truth.max()) for element, truth in maps.items()}
    for rows, drawn_lines in (("40", 8), ("5", 1)):
        monkeypatch.setenv("LINES", rows)
        monkeypatch.setenv("COLUMNS", "80")
        stream = io.StringIO()
        screen = TerminalScreen(stream, PLAIN)
        screen.show(moment(SMALL, maps), brightest)
        assert stream.getvalue().count("\n") == drawn_lines
        assert "82/82 events" in stream.getvalue()
        screen.show(moment(SMALL, maps), brightest)
        screen.close()
        assert stream.getvalue().count(f"\x1b[{drawn_lines}F\x1b[J") == 2
        assert stream.getvalue().endswith("\x1b[J")
