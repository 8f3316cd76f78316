"""With the veto, blank frames are put aside unread; what is told of the hits that this costs is near to the truth, all else stays exact."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from apps.crystallography.series import assert_same, parameter_set, plain
from beamloom import Event, Packet, PacketKind, ParameterError, ParameterSet, ReducerState, Result
from beamloom.apps.crystallography import Reducer, Simulation, Worker
from beamloom.apps.crystallography.analysis.frames import Streams
from beamloom.apps.crystallography.analysis.vetoing import Judged, Vetoing, draw_of, told
from beamloom.devices import dectris_v1, dectris_v2, stins

Array = np.ndarray[Any, np.dtype[Any]]
EVENTS = 1200
POOL = 12
STRONG = Simulation(seed=2, panel=(96, 120), spots=(12, 16), rings=4, hit_share=1, level=0.3)
WEAK = Simulation(seed=3, panel=(96, 120), spots=(12, 16), rings=4, hit_share=1, level=0.3, counts=(30, 45))
BLANK = Simulation(seed=4, panel=(96, 120), rings=4, hit_share=0, strays=0, level=0.3)
"""Blocks of weak hits are as long as those of blank frames, so that a veto that need not keep many hits loses them."""
SHARE = 0.2


def settings(**changes: Any) -> ParameterSet:
    """The veto keeps as many hits as there are strong ones, about."""
    wanted = {
        "adc_threshold": 3,
        "min_num_peaks_for_hit": 4,
        "veto": True,
        "veto_wanted_recall": 0.4,
        "veto_audited_share": SHARE,
    }
    return parameter_set(STRONG, **{**wanted, **changes})


def packet(image: Array, compression: str = "bslz4") -> Packet:
    """As an EIGER2 sends it."""
    message = list(dectris_v2.generate(images=[image], dtype="uint16", compression=compression))[1]
    return Packet(dectris_v2.TYP, message, 1, PacketKind.DATA)


class Series(NamedTuple):
    """The same few frames in random order."""

    packets: list[Packet]
    images: list[Array]
    chosen: list[int]
    """The image of each event."""
    payloads: list[Any]
    """What the workers gave for each."""
    tree: dict[str, Any]
    """What is published."""

    @property
    def judged(self) -> Array:
        """What the veto said of each event."""
        found: Array = self.tree["events"]["veto"]
        return found

    @property
    def truth(self) -> Array:
        """Whether an event is a hit."""
        return np.array(self.chosen) < 2 * POOL

    def sum_of(self, events: Array) -> Array:
        """The sum of the frames of these events."""
        times = np.bincount(np.array(self.chosen)[events], minlength=len(self.images))
        total: Array = np.tensordot(times, np.array(self.images, np.int64), 1)
        return total


def analysed(
    packets: list[Packet], chosen: Iterable[int], parameters: ParameterSet, workers: int = 2
) -> list[Any]:
    """The results of events, dealt to workers in turn."""
    crew = [Worker() for _ in range(workers)]
    return [
        crew[number % workers].process_event(Event(number, {"eiger": packets[index]}), parameters)
        for number, index in enumerate(chosen)
    ]


def reduced(
    payloads: list[Any], parameters: ParameterSet, order: Iterable[int] | None = None
) -> dict[str, Any]:
    """What is published of these results, taken in ``order``."""
    reducer = Reducer(parameters, ReducerState(run="run-1"))
    for number in range(len(payloads)) if order is None else order:
        reducer.process_result(
            Result(number, "w", parameters.hash, copy.deepcopy(payloads[number])), parameters
        )
    reducer.finish(parameters)
    found: dict[str, Any] = plain(reducer.publish)
    return found


@pytest.fixture(scope="module")
def series() -> Series:
    images = [one.frame(index) for one in (STRONG, WEAK, BLANK) for index in range(POOL)]
    packets = [packet(image) for image in images]
    numbers = random.Random(1)
    chosen = [
        numbers.randrange(2 * POOL) if numbers.random() < 0.4 else 2 * POOL + numbers.randrange(POOL)
        for _ in range(EVENTS)
    ]
    payloads = analysed(packets, chosen, settings())
    return Series(packets, images, chosen, payloads, reduced(payloads, settings()))


def test_the_recall_that_is_published_is_that_which_is(series: Series) -> None:
    veto, judged, hits = series.tree["veto"], series.judged, series.truth
    assert veto["vetoed"] == (judged == Judged.VETOED).sum() > 0.5 * EVENTS
    assert veto["audited"] == (judged == Judged.AUDITED).sum()
    assert veto["audited_hits"] == (hits & (judged == Judged.AUDITED)).sum()
    assert veto["passed_hits"] == (hits & (judged == Judged.PASSED)).sum()
    assert veto["frames_to_learn"] == (judged == Judged.LEARNED).sum()
    lost = (hits & (judged == Judged.VETOED)).sum()
    assert lost > 50, "a veto that loses nothing tests nothing"
    recall = (
        100
        * (veto["passed_hits"] + veto["audited_hits"])
        / (veto["passed_hits"] + veto["audited_hits"] + lost)
    )
    assert veto["recall_low"] <= recall <= veto["recall_high"]
    assert veto["recall"] == pytest.approx(recall, abs=6)
    assert veto["recall_high"] - veto["recall_low"] < 15


def test_every_frame_has_a_row_and_vetoed_ones_are_non_hits_whose_peaks_nobody_counted(
    series: Series,
) -> None:
    rows, vetoed = series.tree["events"], series.judged == Judged.VETOED
    assert np.array_equal(rows["hit"], series.truth & ~vetoed)
    assert np.array_equal(rows["num_peaks"] == -1, vetoed)
    assert np.isnan(rows["ave_intensity"][vetoed]).all()
    assert series.tree["summary"]["frames"] == EVENTS
    assert series.tree["summary"]["vetoed"] == vetoed.sum()
    assert series.tree["summary"]["hits"] == (series.truth & ~vetoed).sum()


def test_sums_have_the_frames_that_were_searched_and_no_others(series: Series) -> None:
    searched = series.judged != Judged.VETOED
    for name, members in (("hits", series.truth & searched), ("non_hits", ~series.truth & searched)):
        frames = series.tree["classes"][name]["frames"]
        assert frames["count"] == members.sum()
        assert np.array_equal(frames["sum"], series.sum_of(members))


def test_which_vetoed_frames_are_searched_follows_from_the_numbers_of_their_events(series: Series) -> None:
    doubtful = np.flatnonzero((series.judged == Judged.VETOED) | (series.judged == Judged.AUDITED))
    drawn = np.array([draw_of(number) for number in doubtful.tolist()])
    assert np.array_equal(series.judged[doubtful] == Judged.AUDITED, drawn < SHARE)


def test_numbers_of_events_draw_evenly() -> None:
    drawn = np.array([draw_of(number) for number in range(20_000)])
    counts = np.histogram(drawn, 20, (0, 1))[0]
    assert abs(counts - 1000).max() < 5 * np.sqrt(1000)
    for every in (2, 10, 1000):
        assert drawn[::every].mean() == pytest.approx(0.5, abs=5 / np.sqrt(12 * 20_000 / every))
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.04


def test_what_is_published_of_the_same_results_does_not_depend_on_their_order(series: Series) -> None:
    order = list(range(EVENTS))[::-1]
    assert series.judged[order[0]] == Judged.VETOED, "of the first that comes there is a row alone"
    assert_same(reduced(series.payloads, settings(), order), series.tree)


def test_vetoed_frames_are_not_unpacked(monkeypatch: pytest.MonkeyPatch, series: Series) -> None:
    unpacked: list[Any] = []
    whole = vars(dectris_v2.DectrisV2Image)["array"].func

    def recorded(image: Any) -> Any:
        unpacked.append(image)
        return whole(image)

    monkeypatch.setattr(dectris_v2.DectrisV2Image, "array", property(recorded))
    worker, parameters, vetoed = Worker(), settings(), 0
    for number, index in enumerate(series.chosen[:250]):
        unpacked.clear()
        payload = worker.process_event(Event(number, {"eiger": series.packets[index]}), parameters)
        assert payload is not None
        is_vetoed = "layouts" not in payload
        assert is_vetoed != bool(unpacked)
        vetoed += is_vetoed
    assert vetoed > 50


def test_the_list_of_frames_has_no_peaks_for_vetoed_ones(series: Series, tmp_path: Path) -> None:
    reduced(series.payloads, settings(processed_directory=str(tmp_path)))
    lines = (tmp_path / "frames.txt").read_text().splitlines()[1:]
    peaks = np.array([int(line.split(", ")[5]) for line in lines])
    vetoed = series.judged == Judged.VETOED
    assert len(lines) == EVENTS
    assert not peaks[vetoed].any()
    assert np.array_equal(peaks[~vetoed], series.tree["events"]["num_peaks"][~vetoed])
    assert len((tmp_path / "hits.lst").read_text().splitlines()) == series.tree["summary"]["hits"]
    assert f"Frames processed: {EVENTS}\n" in (tmp_path / "status.txt").read_text()


def test_without_the_veto_nothing_is_told_of_it(series: Series) -> None:
    chosen = series.chosen[:20]
    off = settings(veto=False)
    tree = reduced(analysed(series.packets, chosen, off), off)
    assert "veto" not in tree
    assert "vetoed" not in tree["summary"]
    assert (tree["events"]["veto"] == Judged.NOT).all()
    assert np.array_equal(tree["events"]["hit"], series.truth[:20])


def test_frames_in_another_compression_are_all_searched_and_the_reason_is_told(series: Series) -> None:
    parameters = settings()
    packets = [packet(image, "none") for image in series.images]
    tree = reduced(analysed(packets, range(len(packets)), parameters), parameters)
    assert tree["summary"]["hits"] == 2 * POOL
    assert tree["veto"]["vetoed"] == 0
    assert "let the detector send bslz4" in tree["veto"]["problem"]
    assert "problem" not in series.tree["veto"]


def test_a_change_of_what_is_a_hit_makes_the_veto_learn_anew_and_a_change_of_what_is_shown_does_not(
    series: Series,
) -> None:
    worker, first = Worker(), settings()

    def judged(parameters: ParameterSet, chosen: Iterable[int]) -> list[int]:
        events = (Event(number, {"eiger": series.packets[index]}) for number, index in enumerate(chosen))
        rows = (plain(worker.process_event(event, parameters))["events"]["veto"][-1] for event in events)
        return [int(row) for row in rows]

    assert Judged.VETOED in judged(first, series.chosen[:200])
    assert Judged.LEARNED not in judged(settings(running_average_window_size=9), series.chosen[:40])
    assert set(judged(settings(min_num_peaks_for_hit=5), series.chosen[:40])) == {Judged.LEARNED}


@pytest.mark.parametrize(
    ("device", "sent"),
    [
        (stins, {"compression": "bslz4"}),
        (dectris_v1, {"encoding": "bslz4", "dtype": "uint16"}),
        (dectris_v2, {"compression": "bslz4", "dtype": "uint16"}),
    ],
)
def test_frames_of_these_devices_are_judged_by_their_compressed_blocks_alone(
    device: Any, sent: dict[str, str]
) -> None:
    image = STRONG.frame(0)
    message = list(device.generate(images=[image], **sent))[1]
    event = Event(1, {"detector": Packet(device.TYP, message, 1, PacketKind.DATA)})
    frame = Streams().frame(event, "detector")
    assert frame is not None
    assert Vetoing().judge(1, frame, image.shape, settings()) is Judged.LEARNED
    assert "array" not in vars(frame.parsed)
    assert np.array_equal(frame.image, image)


def test_a_frame_that_breaks_off_is_refused_as_without_the_veto(series: Series) -> None:
    message = list(stins.generate(images=[series.images[0]], compression="bslz4"))[1]
    torn = Packet("STINS", [message[0], bytes(message[1])[:-400]], 1, PacketKind.DATA)
    for veto in (True, False):
        with pytest.raises(ValueError, match=r"breaks off|bytes"):
            Worker().process_event(Event(1, {"camera": torn}), settings(veto=veto))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"veto_wanted_recall": 1.5}, r"veto_wanted_recall.*above the maximum 0\.999"),
        ({"veto_audited_share": 0.0}, r"veto_audited_share.*below the minimum 0\.001"),
        ({"veto": "maybe"}, "veto"),
    ],
)
def test_shares_that_cannot_be_are_refused_with_what_they_may_be(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        settings(**wrong)


def test_without_any_audit_the_recall_may_be_anything_down_to_what_was_found() -> None:
    columns = {"veto": np.array([1, 1, 3, 3], np.int8), "hit": np.array([1, 1, 0, 0], np.int8)}
    veto = told(columns, settings())
    assert veto is not None
    assert (veto["recall"], veto["recall_low"], veto["recall_high"]) == (100, 50, 100)
