"""The tiles of an event are offered as one packet, beside those of their streams."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from beamloom.detectors.geometry import Detector, Tile
from beamloom.detectors.packets import (
    DetectorData,
    DetectorEnd,
    DetectorPacket,
    DetectorStart,
    owned,
    with_detectors,
)
from beamloom.detectors.placing import TilesDoNotFit
from beamloom.devices import albaem, stins
from beamloom.devices.images import Image
from beamloom.events import Packet, PacketKind

HALVES = Detector(tiles=(Tile(stream="upper", at=(0, 0)), Tile(stream="lower", at=(2, 0))), shape=(4, 3))
UPPER = np.arange(6, dtype=np.uint16).reshape(2, 3)
LOWER = UPPER + 10


def series(image: Image, compression: str = "none") -> list[Packet]:
    """Header, one image and end of a module."""
    kinds = (PacketKind.START, PacketKind.DATA, PacketKind.END)
    messages = stins.generate(images=[image], first_frame=7, compression=compression)
    return [
        Packet("STINS", list(m), n, kind) for n, (m, kind) in enumerate(zip(messages, kinds, strict=True))
    ]


def offered(place: int, **streams: list[Packet]) -> DetectorPacket:
    packet = with_detectors({stream: packets[place] for stream, packets in streams.items()}, {"big": HALVES})[
        "big"
    ]
    assert isinstance(packet, DetectorPacket)
    return packet


@pytest.mark.parametrize("compression", ["none", "bslz4"])
def test_the_frame_is_one_array_and_the_tiles_are_there_parsed(compression: str) -> None:
    packet = offered(1, upper=series(UPPER, compression), lower=series(LOWER, compression))
    data = packet.parse()
    assert isinstance(data, DetectorData)
    np.testing.assert_array_equal(data.array, np.vstack([UPPER, LOWER]))
    assert data.data is data.array
    assert (data.frame, data.missing, data.packet_kind) == (7, (), PacketKind.DATA)
    assert list(data.tiles) == ["upper", "lower"]
    assert data.tiles["lower"].frame == 7
    np.testing.assert_array_equal(data.tiles["lower"].array, LOWER)
    assert (packet.typ, packet.number, packet.kind, packet.length) == ("TILES", 1, PacketKind.DATA, 4)


def test_the_packets_of_the_tiles_stay_and_their_frames_are_not_copied() -> None:
    streams = {"upper": series(UPPER)[1], "lower": series(LOWER)[1], "motor": Packet("test", [b"1"])}
    event = with_detectors(streams, {"big": HALVES})
    assert list(event) == ["upper", "lower", "motor", "big"]
    assert event["upper"] is streams["upper"]
    assert event["big"].frames[1] is streams["upper"].frames[1]
    assert list(streams) == ["upper", "lower", "motor"]


def test_the_start_and_the_end_are_those_of_all_tiles() -> None:
    both = {"upper": series(UPPER), "lower": series(LOWER)}
    start, end = offered(0, **both).parse(), offered(2, **both).parse()
    assert isinstance(start, DetectorStart)
    assert isinstance(end, DetectorEnd)
    assert start.packet_kind is PacketKind.START
    assert end.packet_kind is PacketKind.END
    assert start.tiles["upper"].filename == ""


def test_tiles_that_are_not_in_the_event_are_named_and_filled() -> None:
    data = offered(1, lower=series(LOWER)).parse()
    assert isinstance(data, DetectorData)
    assert data.missing == ("upper",)
    np.testing.assert_array_equal(data.array, np.vstack([np.zeros((2, 3)), LOWER]))


def test_a_tile_that_only_starts_its_series_has_no_image() -> None:
    packet = with_detectors({"upper": series(UPPER)[0], "lower": series(LOWER)[1]}, {"big": HALVES})["big"]
    assert packet.kind is PacketKind.DATA
    assert packet.number is None
    data = packet.parse()
    assert (data.missing, data.frame) == (("upper",), 7)
    np.testing.assert_array_equal(data.array[:2], 0)


def test_an_event_without_any_tile_has_no_detector() -> None:
    streams = {"motor": Packet("test", [b"1"])}
    assert with_detectors(streams, {"big": HALVES}) == streams
    assert with_detectors(streams, {}) is streams


def test_packets_without_images_are_refused_by_the_name_of_detector_and_stream() -> None:
    values = Packet("albaem", list(albaem.generate(frames=1))[1], 1)
    packet = with_detectors({"upper": values, "lower": series(LOWER)[1]}, {"big": HALVES})["big"]
    with pytest.raises(TilesDoNotFit, match="detector 'big': what stream 'upper' sends has no image"):
        _ = packet.parse().array


def test_it_goes_through_pickle_with_its_frames_shared() -> None:
    large = np.zeros((500, 300), np.uint16)
    detector = Detector(tiles=(Tile(stream="upper", at=(0, 0)),))
    streams = {"upper": Packet("STINS", [memoryview(frame) for frame in series(large)[1].frames], 1)}
    event = owned(with_detectors(streams, {"big": detector}))
    assert all(type(frame) is bytes for packet in event.values() for frame in packet.frames)
    written = pickle.dumps(event)
    assert len(written) < 1.1 * large.nbytes
    again = pickle.loads(written)
    assert again == event
    data = again["big"].parse()
    assert data.array.shape == (500, 300)
    assert pickle.loads(pickle.dumps(data)).array.shape == (500, 300)
