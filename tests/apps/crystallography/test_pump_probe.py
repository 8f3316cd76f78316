"""Frames with and without laser are told apart by another stream; and which stream is the detector is found or said."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from apps.crystallography.series import SIMULATION, packets, parameter_set, plain
from beamloom import Event, Packet, PacketKind, ParameterSet, Result, UserError
from beamloom.apps.crystallography import Reducer, Worker
from beamloom.devices import dectris_v2
from beamloom.devices.generator import TYP as GENERATOR

FRAMES = 40
LASER: dict[str, Any] = {
    "pump_probe_experiment": True,
    "optical_laser_stream": "laser",
    "optical_laser_field": "values.on",
}


def laser(number: int, on: bool) -> Packet:
    """An item of a generator that tells of the laser."""
    header = {
        "type": "item",
        "kind": "scan",
        "number": number,
        "shape": [2],
        "dtype": "<f8",
        "values": {"on": float(on)},
    }
    return Packet(GENERATOR, [msgspec.json.encode(header), np.zeros(2).tobytes()], number, PacketKind.DATA)


def published(events: list[Event], parameters: ParameterSet) -> dict[str, Any]:
    worker, reducer = Worker(), Reducer(parameters)
    for event in events:
        payload = worker.process_event(event, parameters)
        reducer.process_result(Result(event.event_number, "w", parameters.hash, payload), parameters)
    reducer.finish(parameters)
    found: dict[str, Any] = plain(reducer.publish)
    return found


def test_sums_and_hit_rates_are_kept_for_frames_with_and_without_laser() -> None:
    series = packets(FRAMES)
    events = [
        Event(number, {"camera": series[number], "laser": laser(number, number % 3 == 0)})
        for number in range(1, FRAMES + 1)
    ]
    del events[-1].streams["laser"]
    tree = published(events, parameter_set(**LASER))
    pumped = [number % 3 == 0 for number in range(1, FRAMES)]
    assert tree["events"]["laser"].tolist() == [-1, *map(int, pumped), -1]
    hit = [SIMULATION.truth(index).hit for index in range(FRAMES)]
    for name, state in (("pumped", True), ("dark", False)):
        frames = [index for index in range(FRAMES - 1) if pumped[index] == state]
        hits = [index for index in frames if hit[index]]
        assert tree[f"hit_rate_{name}"]["value"][-1] == pytest.approx(100 * len(hits) / len(frames))
        total = tree["classes"][f"hits_{name}"]["frames"]
        assert total["count"] == len(hits)
        assert np.array_equal(total["sum"], sum(SIMULATION.frame(index).astype(np.uint64) for index in hits))
    means = tree["mean_hits"]["image"]
    every = [SIMULATION.frame(index) for index in range(FRAMES) if hit[index]]
    assert np.nansum(means) == pytest.approx(np.mean(every, axis=0).sum())


def test_a_stream_or_field_that_does_not_tell_of_the_laser_is_refused() -> None:
    series = packets(1)
    event = Event(1, {"camera": series[1], "laser": laser(1, True)})
    with pytest.raises(UserError, match="set optical_laser_stream"):
        Worker().process_event(event, parameter_set(pump_probe_experiment=True))
    with pytest.raises(UserError, match=r"have no values\.of"):
        Worker().process_event(event, parameter_set(**{**LASER, "optical_laser_field": "values.of"}))


def test_of_two_cameras_the_detector_has_to_be_named() -> None:
    series = packets(1)
    event = Event(1, {"one": series[1], "other": series[1]})
    with pytest.raises(UserError, match="one, other have images"):
        Worker().process_event(event, parameter_set())
    payload = Worker().process_event(event, parameter_set(detector_stream="other"))
    assert payload is not None
    assert plain(payload["events"])["event_id"][1] == "other // 0"


def test_frames_of_a_dectris_detector_give_the_same() -> None:
    frame = SIMULATION.frame(0)
    messages = list(dectris_v2.generate(images=[frame]))
    parsed = [dectris_v2.parse(Packet(dectris_v2.TYP, message)) for message in messages]
    data = [
        Packet(dectris_v2.TYP, message, 1)
        for message, one in zip(messages, parsed, strict=True)
        if one.packet_kind is PacketKind.DATA
    ]
    tree = published([Event(1, {"eiger": data[0]})], parameter_set())
    wanted = published([Event(1, {"camera": packets(1)[1]})], parameter_set())
    assert tree["events"]["num_peaks"].tolist() == wanted["events"]["num_peaks"].tolist()
    assert tree["events"]["event_id"][1].startswith("eiger // ")
