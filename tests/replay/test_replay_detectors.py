"""A recording of a detector's tiles replays with the geometry that was recorded beside it, or with another one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom import Event, Packet, PacketKind
from beamloom.detectors.geometry import Detector, Tile
from beamloom.devices import stins
from beamloom.errors import UsageError
from beamloom.recordings import Record, RecordingNames, RecordingWriter, write_detectors
from beamloom.replay import replay
from replay.material import MOMENT, RUN, Gather, deliveries, one_part

EVENTS = 6
BIG = Detector(tiles=(Tile(stream="upper", at=(0, 0)), Tile(stream="lower", at=(2, 0))))


class Frames:
    """Returns the frames."""

    def process_event(self, event: Event) -> Any:
        if "big" not in event.streams:
            return sorted(event.streams)
        data = event.streams["big"].parse()
        return data.array.tolist() if data.packet_kind is PacketKind.DATA else data.packet_kind.name


def recorded(folder: Path, stream: str, first: int) -> Path:
    path = folder / f"{stream}-ingester-{RUN}.cbors"
    images = [np.full((1, 2), first + index, np.uint16) for index in range(EVENTS)]
    with RecordingWriter(path) as writer:
        for event, message in enumerate(stins.generate(images=images)):
            writer.write(Record(event, {stream: Packet("STINS", list(message))}, MOMENT))
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A recorded run of two modules."""
    return [recorded(tmp_path, "upper", 0), recorded(tmp_path, "lower", 100)]


def check(report: Any, frame: Any) -> None:
    """Every event was reduced, and ``frame`` gives what it was from the index of its pictures."""
    results = {event: payload for event, _, payload in deliveries(report)}
    assert results == {0: "START", EVENTS + 1: "END"} | {n: frame(n - 1) for n in range(1, EVENTS + 1)}


def apart(index: int) -> list[list[int]]:
    return [[index] * 2, [0] * 2, [100 + index] * 2]


def test_the_recorded_geometry_holds(files: list[Path], tmp_path: Path) -> None:
    write_detectors(RecordingNames(f"{tmp_path}/", RUN), {"big": BIG})
    check(replay(Frames, Gather, files), apart)


def test_a_map_beside_the_recording_may_name_the_detector(files: list[Path], tmp_path: Path) -> None:
    write_detectors(RecordingNames(f"{tmp_path}/", RUN), {"big": BIG})
    everyone = [[{"tags": ["generic"]}]]
    body = one_part(big=[*everyone, *([{"constraint": n}] for n in range(EVENTS)), *everyone])
    (tmp_path / f"mapping-{RUN}.json").write_text(json.dumps(body))
    results = {event: payload for event, _, payload in deliveries(replay(Frames, Gather, files))}
    assert results[3] == apart(2)
    assert len(results) == EVENTS + 2


def test_another_geometry_may_be_given(files: list[Path], tmp_path: Path) -> None:
    write_detectors(RecordingNames(f"{tmp_path}/", RUN), {"big": BIG})
    beside = Detector(tiles=(Tile(stream="upper", at=(0, 0)), Tile(stream="lower", at=(0, 2))))
    check(
        replay(Frames, Gather, files, detectors={"big": beside}),
        lambda index: [[index, index, 100 + index, 100 + index]],
    )


def test_without_a_geometry_there_are_the_streams_alone(files: list[Path]) -> None:
    results = {event: payload for event, _, payload in deliveries(replay(Frames, Gather, files))}
    assert results == {event: ["lower", "upper"] for event in range(EVENTS + 2)}


def test_one_of_the_tiles_alone_gives_frames_with_a_hole(files: list[Path]) -> None:
    sized = Detector(tiles=(BIG.tiles[0], Tile(stream="lower", at=(2, 0), size=(1, 2))), fill=7)
    check(
        replay(Frames, Gather, files[:1], detectors={"big": sized}),
        lambda index: [[index] * 2, [7] * 2, [7] * 2],
    )


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"{", "does not hold detectors"),
        (b'{"big": {"tiles": [{"stream": "upper"}]}}', "does not hold detectors .*`at`"),
        (
            b'{"big": {"tiles": [{"stream": "upper", "at": [0, 0]}, {"stream": "lower", "at": [0, 0]}]}}',
            "the tile 'lower' lies on the tile 'upper'",
        ),
    ],
)
def test_a_broken_geometry_beside_the_recording_is_refused(
    files: list[Path], tmp_path: Path, written: bytes, said: str
) -> None:
    (tmp_path / f"detectors-{RUN}.json").write_bytes(written)
    with pytest.raises(UsageError, match=said):
        replay(Frames, Gather, files)
