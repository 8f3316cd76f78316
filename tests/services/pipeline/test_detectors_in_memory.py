"""A detector of several streams through real services: maps may name it, and workers get its frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom.control.views import runs as views
from beamloom.detectors.geometry import Detector, Tile
from beamloom.devices import stins
from beamloom.events import Event, Packet, PacketKind, Result
from beamloom.recordings.folder import find_companions, read_detectors
from beamloom.services.controller.arming import ArmingRefused
from beamloom.services.worker.debugworker import LastEvents
from beamloom.settings import ControllerSettings
from beamloom.triggermap import TriggerMap, TriggerMapError, uniform
from services.bench import Bench, Feed, counts

EVENTS = 12
BIG = Detector(
    tiles=(Tile(stream="upper", at=(0, 0)), Tile(stream="lower", at=(3, 0), rotate=180)), shape=(5, 3), fill=9
)


def module(first: int, count: int = EVENTS) -> Feed:
    """A module whose pictures of 2 × 3 pixels count up from ``first`` + ten times their index."""
    pictures = [np.arange(6, dtype=np.uint16).reshape(2, 3) + first + 10 * index for index in range(count)]
    packets = []
    for number, message in enumerate(stins.generate(images=pictures)):
        kind = PacketKind.START if number == 0 else PacketKind.END if number > count else PacketKind.DATA
        packets.append(Packet("STINS", list(message), number, kind))
    return Feed(packets)


def expected(event: int) -> list[list[int]]:
    """The frame of an event, row by row."""
    up, low = 10 * (event - 1), 1000 + 10 * (event - 1)
    return [
        [up, up + 1, up + 2],
        [up + 3, up + 4, up + 5],
        [9, 9, 9],
        [low + 5, low + 4, low + 3],
        [low + 2, low + 1, low],
    ]


class Frames:
    """A worker class that returns the frame and what lacks in it; of a start or an end its kind."""

    def process_event(self, event: Event) -> Any:
        if "big" not in event.streams:
            return None
        data = event.streams["big"].parse()
        if data.packet_kind is not PacketKind.DATA:
            return {"kind": data.packet_kind.name, "tiles": list(data.tiles)}
        return {"frame": data.array, "missing": list(data.missing), "number": data.frame}


class Kept:
    """A reducer class that keeps every result by its event."""

    def __init__(self) -> None:
        self.publish: dict[int, Any] = {}

    def process_result(self, result: Result) -> None:
        self.publish[result.event_number] = result.payload


def bench(settings: ControllerSettings | None = None, **feeds: Feed) -> Bench:
    streams = feeds or {"upper": module(0), "lower": module(1000)}
    return Bench(streams, Frames, Kept, settings=settings or ControllerSettings(detectors={"big": BIG}))


def check_frames(published: dict[int, Any]) -> None:
    assert published[0] == {"kind": "START", "tiles": ["upper", "lower"]}
    assert published[EVENTS + 1] == {"kind": "END", "tiles": ["upper", "lower"]}
    for event in range(1, EVENTS + 1):
        assert published[event]["frame"].tolist() == expected(event)
        assert (published[event]["missing"], published[event]["number"]) == ([], event - 1)


def test_a_map_names_the_detector_as_if_it_were_a_stream() -> None:
    with bench() as pipeline:
        active = pipeline.play(uniform(["big"], EVENTS))
        assert counts(active) == (EVENTS + 2, 0, 0)
        check_frames(pipeline.published)
        assert active.written.streams == ("big",)
        assert views.summary(active)["streams"] == ["big"]
        assert active.run.trigger_map.streams == ("upper", "lower")


def test_a_map_that_names_the_streams_gives_the_same_frames() -> None:
    with bench() as pipeline:
        pipeline.play(uniform(["lower", "upper"], EVENTS))
        check_frames(pipeline.published)


def test_the_tiles_that_a_map_leaves_out_are_missing_and_filled() -> None:
    def cell(event: int) -> list[dict[str, int]]:
        return [{"constraint": event}]

    table = {
        "upper": [cell(event) for event in range(EVENTS)],
        "lower": [cell(event) if event % 3 == 0 else None for event in range(EVENTS)],
    }
    with bench(upper=module(0), lower=module(1000, 4)) as pipeline:
        active = pipeline.play(TriggerMap.from_mapping(table))
        assert counts(active) == (EVENTS + 2, 0, 0)
        for event in range(1, EVENTS + 1):
            result = pipeline.published[event]
            assert result["missing"] == ([] if event % 3 == 1 else ["lower"])
            assert result["frame"][:2].tolist() == expected(event)[:2]
            assert (result["frame"][3:] == 9).all() == (event % 3 != 1)


def test_a_worker_that_joins_later_gets_the_frames_as_well() -> None:
    upper, lower = Feed(), Feed()
    with bench(upper=upper, lower=lower) as pipeline:
        pipeline.arm(uniform(["big"], EVENTS))
        pipeline.add_worker("worker-3")
        pipeline.until(pipeline.everyone_known)
        for name in ("worker-1", "worker-2"):
            pipeline.kill(name)
        pipeline.until(pipeline.everyone_known)
        upper.send(module(0).arrivals)
        lower.send(module(1000).arrivals)
        pipeline.until(lambda: pipeline.active.finished)
        check_frames(pipeline.published)


def test_the_debug_worker_keeps_the_detector_beside_its_tiles() -> None:
    kept = LastEvents(3)
    with bench() as pipeline:
        pipeline.add_worker("debug", tags=("debug",), load=lambda: kept, role="debugworker")
        pipeline.until(pipeline.everyone_known)
        cells = [[{"constraint": event}, {"tags": ["debug"]}] for event in range(EVENTS)]
        pipeline.play(TriggerMap.from_mapping({"big": cells}))
    event = kept.last(2)[0]
    assert event.event_number == EVENTS
    assert event.streams.keys() == {"upper", "lower", "big"}
    assert event.streams["big"].parse().array.tolist() == expected(EVENTS)
    assert event.streams["big"].frames[1] is event.streams["upper"].frames[1]


def test_the_geometry_is_recorded_beside_a_map_of_the_streams(tmp_path: Path) -> None:
    settings = ControllerSettings(detectors={"big": BIG}, record_prefix=f"{tmp_path}/")
    with bench(settings) as pipeline:
        active = pipeline.play(uniform(["big"], EVENTS))
    recording = tmp_path / f"upper-ingester-{active.run.run_id}.cbors"
    assert recording.is_file()
    companions = find_companions(recording)
    assert companions.detectors_path is not None
    assert read_detectors(companions.detectors_path) == {"big": BIG}
    assert companions.map_path is not None
    recorded = TriggerMap.from_json(companions.map_path.read_bytes(), all_wrap=False)
    assert recorded.streams == ("upper", "lower")


@pytest.mark.parametrize(
    ("feeds", "streams", "refusal", "said"),
    [
        (["upper", "lower"], ["bigg"], TriggerMapError, "stream 'bigg' not available.*did you mean 'big'"),
        (
            ["upper"],
            ["big"],
            TriggerMapError,
            "detector 'big' has a tile on the stream 'lower', not available here",
        ),
        (["upper", "lower"], ["big", "upper"], TriggerMapError, "has cells for the stream 'upper' twice"),
        (["upper", "lower", "big"], ["upper"], ArmingRefused, "'big' is both a stream and a detector"),
    ],
)
def test_what_cannot_be_armed_is_refused_with_a_sentence(
    feeds: list[str], streams: list[str], refusal: type[Exception], said: str
) -> None:
    with bench(None, **{name: module(0) for name in feeds}) as pipeline:
        with pytest.raises(refusal, match=said):
            pipeline.arm(uniform(streams, EVENTS))


def test_streams_alone_can_be_armed_while_a_tile_of_the_detector_is_not_there() -> None:
    with bench(upper=module(0)) as pipeline:
        active = pipeline.play(uniform(["upper"], EVENTS))
        assert counts(active) == (EVENTS + 2, 0, 0)
        assert pipeline.published[1]["missing"] == ["lower"]
        assert pipeline.controller.nameable == ["upper"]


@pytest.mark.expects_errors
def test_a_frame_that_cannot_be_put_together_fails_its_event_with_the_sentence() -> None:
    settings = ControllerSettings(
        detectors={"big": Detector(tiles=(Tile(stream="upper", at=(0, 0)), Tile(stream="lower", at=(1, 0))))}
    )
    with bench(settings) as pipeline:
        active = pipeline.play(uniform(["big"], EVENTS))
        assert counts(active) == (2, EVENTS, 0)
        (group,) = active.run.faults.groups
        assert (
            "detector 'big': the tiles 'upper' of 2 × 3 pixels and 'lower' of 2 × 3 lie on each"
            in group.failure.message
        )
