"""The analysis hands its hits to who asks for them, as its parameters say, and goes on when it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgpack
import numpy as np
import pytest

from apps.crystallography.series import SIMULATION, packets, parameter_set
from apps.crystallography.streaming.clients import crystfel_like, number_of
from beamloom import Event, ParameterSet, ReducerState, Result
from beamloom.apps.crystallography import Reducer, Worker
from beamloom.apps.crystallography.analysis.hit_frames import HitFrames
from beamloom.transport.codec import Decoder, Encoder
from support.patience import PATIENCE
from support.ports import quiet_address

FRAMES = 40
HITS = [index for index in range(FRAMES) if SIMULATION.truth(index).hit]


class Beside:
    """One worker, and a reducer whose process lives longer than the run."""

    def __init__(self) -> None:
        self.context: dict[Any, Any] = {}
        self.worker = Worker()
        self.series = packets(FRAMES)

    def begin(self, given: ParameterSet, run: str = "run-1") -> None:
        self.reducer = Reducer(given, ReducerState(run=run), self.context)

    def go(self, given: ParameterSet, numbers: range) -> None:
        for number in numbers:
            payload = self.worker.process_event(Event(number, {"camera": self.series[number]}), given)
            self.reducer.process_result(Result(number, "w", given.hash, payload, 0), given)
        self.reducer.timer(given)

    def stream(self) -> dict[str, Any]:
        said: dict[str, Any] = self.reducer.publish["hit_stream"]
        return said


@pytest.fixture
def beside() -> Iterator[Beside]:
    made = Beside()
    yield made
    made.reducer.close(made.context)
    made.worker.close()


def given(**changes: Any) -> ParameterSet:
    return parameter_set(responding_url=f"tcp://{quiet_address()}", **changes)


def test_all_hits_are_streamed_also_those_of_the_run_before(beside: Beside) -> None:
    parameters = given()
    for run in ("one", "two"):
        beside.begin(parameters, run)
        beside.go(parameters, range(FRAMES + 2))
        beside.reducer.finish(parameters)
    with crystfel_like(parameters["responding_url"].value) as (client,):
        got = []
        for _ in range(2 * len(HITS)):
            hit = client.next_hit(PATIENCE)
            assert hit is not None
            got.append(number_of(hit))
            np.testing.assert_array_equal(hit["image"], SIMULATION.frame(got[-1]).astype(np.float32))
    assert got == HITS * 2


def test_binned_hits_are_streamed_with_peaks_in_bins(beside: Beside) -> None:
    parameters = given(bin_size=2)
    beside.begin(parameters)
    beside.go(parameters, range(FRAMES + 2))
    with crystfel_like(parameters["responding_url"].value) as (client,):
        hit = client.next_hit(PATIENCE)
        assert hit is not None
    whole = SIMULATION.frame(number_of(hit))
    assert hit["image"].shape == (whole.shape[0] // 2, whole.shape[1] // 2)
    assert np.nansum(hit["image"]) == whole.sum()
    peaks = hit["peak_list"]
    brightest = [hit["image"][round(ss), round(fs)] for ss, fs in zip(peaks["ss"], peaks["fs"], strict=True)]
    assert np.median(brightest) > 10 * np.median(hit["image"])


def test_an_address_that_is_taken_is_told_and_the_run_goes_on(
    beside: Beside, caplog: pytest.LogCaptureFixture
) -> None:
    parameters = given()
    beside.begin(parameters)
    other = Beside()
    try:
        other.begin(parameters)
        other.go(parameters, range(FRAMES + 2))
        assert "give other addresses" in other.stream()["problem"]
        assert other.reducer.publish["summary"]["hits"] == len(HITS)
        assert [record.levelname for record in caplog.records] == ["WARNING"]
    finally:
        other.reducer.close(other.context)
        other.worker.close()


def test_streaming_is_switched_on_and_off_while_frames_come(beside: Beside) -> None:
    off, on = parameter_set(), given()
    beside.begin(off)
    beside.go(off, range(10))
    assert "hit_stream" not in beside.reducer.publish
    beside.go(on, range(10, 30))
    later = [index for index in HITS if 10 <= index + 1 < 30]
    assert beside.stream()["offered"] == len(later) > 0
    with crystfel_like(on["responding_url"].value) as (client,):
        hit = client.next_hit(PATIENCE)
        assert hit is not None
        assert number_of(hit) == later[0]
    beside.go(off, range(30, FRAMES + 2))
    assert beside.context == {}
    assert beside.reducer.publish["summary"]["hits"] == len(HITS)


def test_who_asks_for_a_reset_begins_the_sums_anew(beside: Beside) -> None:
    parameters = given()
    beside.begin(parameters)
    beside.go(parameters, range(20))
    with crystfel_like(parameters["responding_url"].value) as (client,):
        assert client.say(b"reset") == b"ok"
        beside.go(parameters, range(20, FRAMES + 2))
        told = msgpack.unpackb(client.say(b"parameters"))
    classes = beside.reducer.publish["classes"]
    assert (
        sum(classes[name]["frames"].snapshot()["count"] for name in ("hits", "non_hits")) == FRAMES + 1 - 20
    )
    assert beside.reducer.publish["summary"]["frames"] == FRAMES, "what is listed stays"
    assert told["minimum_snr"] == 6
    assert told["geometry_file_file"].endswith("bytes")


def test_hit_frames_travel_whole(beside: Beside) -> None:
    parameters = given()
    beside.begin(parameters)
    event = Event(HITS[0] + 1, {"camera": beside.series[HITS[0] + 1]})
    payload = beside.worker.process_event(event, parameters)
    assert payload is not None
    encoded = Encoder().encode(payload["streamed"])
    arrived = Decoder().decode(encoded.head, encoded.buffers)
    assert isinstance(arrived, HitFrames)
    (hit,) = arrived.take()
    (mine,) = payload["streamed"].take()
    assert repr(hit.info) == repr(mine.info)  # the time is NaN, and equals nothing
    np.testing.assert_array_equal(hit.pixels, mine.pixels)
    for one, other in zip(hit.peaks, mine.peaks, strict=True):
        np.testing.assert_array_equal(one, other)
